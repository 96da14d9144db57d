"""A deterministic encoder without a model, for tests and for trying things out.

Each word hashes to a row of random signs and a text is the sum of its words'
rows: a sign random projection of its bag of words (Achlioptas 2003), so cosines
approximate word overlap, and every prefix is a coarser projection of the same.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mrl_search.encoders.encoder import EncoderSpec
from mrl_search.errors import EncoderError
from mrl_search.vectors import Vectors, unit

_WORD = re.compile(r"\w+")
_KEPT_WORDS = 50_000  # word rows remembered; at 256 dims 12.8 MB


class HashingEncoder:
    """`hashing:DIM`; the same text gives the same vector on every machine, for ever."""

    trained_dims: tuple[int, ...] = ()

    def __init__(self, spec: EncoderSpec) -> None:
        width = spec.name.removeprefix("hashing:")
        if not (width.isascii() and width.isdigit() and 1 <= int(width) <= 65_536):
            raise EncoderError(
                f"cannot read {spec.name!r}; wanted hashing:DIM with DIM from 1 to 65536, as hashing:256"
            )
        self.spec = spec
        self.dim = int(width)
        self._signs: dict[str, NDArray[np.int8]] = {}

    @property
    def identity(self) -> str:
        """The width is all there is to know."""
        return f"hashing:{self.dim} v1"

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows, as for documents."""
        return self.encode_documents(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows; a text without a word is a row of zeros."""
        sums = np.zeros((len(texts), self.dim), dtype=np.float32)
        for line, text in enumerate(texts):
            words = _WORD.findall(text.casefold())
            if words:
                sums[line] = np.sum([self._row(word) for word in words], axis=0, dtype=np.int32)
        return unit(sums)

    def _row(self, word: str) -> NDArray[np.int8]:
        """(dim,) of -1 and +1, decided by the word alone."""
        row = self._signs.get(word)
        if row is None:
            digest = hashlib.shake_128(word.encode("utf-8", "surrogatepass")).digest(-(-self.dim // 8))
            bits = np.unpackbits(np.frombuffer(digest, dtype=np.uint8))[: self.dim]
            row = bits.astype(np.int8) * np.int8(2) - np.int8(1)
            if len(self._signs) < _KEPT_WORDS:
                self._signs[word] = row
        return row

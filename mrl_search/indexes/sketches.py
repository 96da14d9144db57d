"""Four bits a dim of every stored vector, on disk beside it: a rerank reads these first, and few vectors whole.

A row of 768 float32 is 48 cache lines at a place nobody can foresee, its sketch is six. Scores and their order still
come from the vectors alone; docs/benchmarks.md has what is lost on the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.hits import Rows
from mrl_search.indexes.residence import Residence
from mrl_search.indexes.row_sums import RowSums
from mrl_search.indexes.scoring import over_threads
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

_LEVELS = 16
_DEVIATIONS = 2.7  # standard ones, on each side, that the levels cover; as in codecs.py
_SAMPLED = 20_000
_SEED = 0
_STRIDE = 32  # bytes; codes are filled up to whole ones, and a kernel reads no less
_FACTS = 8  # bytes
_LEAST_ALONG = 1e-3  # of a vector that its codes must hold to say anything
_WORTH = 3  # times as many rows as are wanted; of fewer, too many would be left


class Levels(NamedTuple):
    """What the 16 codes of a dim stand for: lows + code · steps; both (D,) float32."""

    lows: NDArray[np.float32]
    steps: NDArray[np.float32]


@dataclass(frozen=True)
class Sketches:
    """codes: (n, width) uint8, usually memory-mapped: of each row its codes, two dims a byte, the even one lower, 0
    beyond D; then two float32, its scale and its error (see kernels/narrow.py).
    """

    codes: NDArray[np.uint8]
    levels: Levels
    residence: Residence | None = None
    sums: RowSums | None = None

    def narrowed(self, queries: Vectors, rows: Rows, k: int) -> Rows:
        """Those of each (q, D) query's rows that its k best may be among, as far as 4 bits can tell; in any order.

        rows: (q, m), below 0 for none. Returns (q, m), -1 in the place of those that were left out.
        """
        from mrl_search.indexes.kernels import narrow

        if rows.shape[1] < _WORTH * k:
            return rows
        if self.residence is not None:
            self.residence.prepare(rows, self.codes.shape[1])
        queries, codes = np.ascontiguousarray(queries), np.asarray(self.codes)
        facts, found = codes.view(np.float32), np.empty(rows.shape, np.int64)

        def work(first: int, last: int) -> None:
            if self.sums is not None:
                self.sums.demand(rows[first:last])
            narrow(queries, rows, codes, facts, *self.levels, k, found, first, last)

        over_threads(work, len(queries))
        return found


def sketched(vectors: StoredVectors) -> Sketches:
    """Sketches of all rows, in memory."""
    levels = levels_of(vectors)
    return Sketches(np.concatenate(list(sketch_blocks(vectors, levels))), levels)


def levels_of(vectors: StoredVectors) -> Levels:
    """16 levels over 2.7 standard deviations to either side of each dim's mean, by at most 20,000 rows."""
    rows = np.random.default_rng(_SEED).permutation(len(vectors))[:_SAMPLED]
    sample = vectors.take(np.sort(rows), vectors.dim)
    reach = np.float32(_DEVIATIONS) * sample.std(axis=0)
    return Levels(sample.mean(axis=0) - reach, 2 * reach / np.float32(_LEVELS - 1))


def sketch_blocks(vectors: StoredVectors, levels: Levels) -> Iterator[NDArray[np.uint8]]:
    """The sketches of all rows in order, block by block: (m, `sketch_width`) uint8."""
    steps = np.where(levels.steps > 0, levels.steps, np.float32(1))  # a dim that never varies has but one level
    for _, block in vectors.blocks(vectors.dim):
        codes = np.zeros((len(block), 2 * _code_bytes(vectors.dim)), np.uint8)
        codes[:, : vectors.dim] = np.clip(np.rint((block - levels.lows) / steps), 0, _LEVELS - 1)
        facts = _facts(block, levels.lows + codes[:, : vectors.dim] * levels.steps)
        yield np.hstack([codes[:, ::2] | np.left_shift(codes[:, 1::2], 4, dtype=np.uint8), facts.view(np.uint8)])


def sketch_width(dim: int) -> int:
    """Bytes of a sketch of so many dims."""
    return _code_bytes(dim) + _FACTS


def _code_bytes(dim: int) -> int:
    return -(-dim // (2 * _STRIDE)) * _STRIDE


def _facts(vectors: Vectors, decoded: Vectors) -> Vectors:
    """(m, 2): scale and error of unit vectors and what their codes stand for; (0, ∞) of codes that say nothing of them.

    (0, 0) of a vector of zeros, whose scores are known.
    """
    along = np.einsum("md,md->m", vectors, decoded)
    told = along > _LEAST_ALONG
    scale = np.divide(1, along, out=np.zeros_like(along), where=told)
    upright = np.maximum(np.einsum("md,md->m", decoded, decoded) * scale**2 - 1, 0)
    error = np.where(told, np.sqrt(upright), np.where(vectors.any(axis=1), np.inf, 0))
    return np.ascontiguousarray(np.stack([scale, error], axis=1), dtype="<f4")

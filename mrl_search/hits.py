"""The answer of a search as two arrays, and the one order it may have.

A missing hit is written as score -inf, row -1. This module and the kernels under
`indexes` write it so; others make Hits with `best` and `merge` and read them with `of`.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]
Live = NDArray[np.bool_]
"""(n,): which rows of an index are documents; the others were deleted, or are not asked for."""
_T = TypeVar("_T", np.float32, np.int64)


class Sums(NamedTuple):
    """What the first `dim` coordinates of every hit came to, so that the next stage reads only the others.

    dots, squares: (q, k) float32, the inner product with the query and the row's own squared length.
    """

    dim: int
    dots: Scores
    squares: Scores


class Hits(NamedTuple):
    """The hits of q queries, k places each: best first, equal scores by lower row.

    scores: (q, k) float32. rows: (q, k) int64, positions in the index. Places
    that found nothing stand at the end. (`unscored` hits, which only a rerank takes, are in no order.)
    sums: there if the index that found them can go on from them; they only save time.
    """

    scores: Scores
    rows: Rows
    sums: Sums | None = None

    def of(self, query: int) -> tuple[Scores, Rows]:
        """Scores and rows of one query, without the places that found nothing."""
        found = self.rows[query] >= 0
        return self.scores[query][found], self.rows[query][found]

    def moved(self, by: int) -> "Hits":
        """The same hits, in an index where these rows begin at `by`."""
        return Hits(self.scores, np.where(self.rows < 0, self.rows, self.rows + by), self.sums)


def unscored(rows: Rows) -> Hits:
    """Hits that only say which rows are to be scored; (q, k), below 0 for none."""
    return Hits(np.full(rows.shape, -np.inf, np.float32), rows)


def without(rows: Rows, live: Live | None) -> Rows:
    """The same rows, -1 in the place of those that are not live; None: all are."""
    return rows if live is None else np.where((rows >= 0) & live[rows], rows, -1)


def best(scores: Scores, rows: Rows, k: int) -> Hits:
    """The k best of each line, in order: score down, then row up.

    scores and rows: (q, m) in any order, m may be less than k. A row below 0 is
    a place that found nothing (FAISS writes -1 and -3.4e38 there).
    """
    scores = np.where(rows < 0, np.float32(-np.inf), scores).astype(np.float32)
    order = np.lexsort((np.where(rows < 0, np.iinfo(np.int64).max, rows), -scores), axis=1)[:, :k]
    return Hits(
        _widened(np.take_along_axis(scores, order, axis=1), k, -np.inf),
        _widened(np.take_along_axis(rows, order, axis=1), k, -1),
    )


def merge(parts: list[Hits], k: int) -> Hits:
    """The k best over several Hits of the same queries, whose rows do not overlap."""
    return best(
        np.concatenate([part.scores for part in parts], axis=1),
        np.concatenate([part.rows for part in parts], axis=1),
        k,
    )


def _widened(array: NDArray[_T], k: int, fill: float) -> NDArray[_T]:
    """Columns of `fill` appended until there are k."""
    missing = k - array.shape[1]
    return np.pad(array, ((0, 0), (0, missing)), constant_values=fill) if missing > 0 else array

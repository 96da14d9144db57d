"""From an approximate answer to the exact one: whatever could still be better is compared in full."""

from typing import TypeAlias

import numpy as np

from mrl_search.hits import Hits, Live, Rows, without
from mrl_search.indexes.bounds import Bounds
from mrl_search.indexes.exhaustive import exact
from mrl_search.indexes.scoring import scored
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

_SHARE = 8  # of the rows, one in so many at most is compared one by one; beyond that, all of them in order
_LEAST = 1_024
_HELD = 1 << 22  # row numbers, for all queries looked for together; 32 MB
_TOGETHER = 64  # queries
_Sifted: TypeAlias = tuple[StoredVectors, Bounds, Live | None]


def proven(
    vectors: StoredVectors, bounds: Bounds | None, queries: Vectors, hits: Hits, live: Live | None = None
) -> Hits:
    """The k best of all live rows at the stored width, as `exact` gives them, ties included; as many as the hits have.

    hits: (q, k) any rows with their scores at that width, best first. A row whose bound stays below the k-th of these
    scores cannot be among the k best; all others are scored. Without bounds, all rows are.
    """
    k = hits.rows.shape[1]
    if bounds is None:
        return exact(vectors, queries, [vectors.dim], k, live)[vectors.dim]
    most = max(len(vectors) // _SHARE, _LEAST)
    size = max(1, min(_TOGETHER, _HELD // most))
    parts = [
        _proven((vectors, bounds, live), queries[first : first + size], hits.scores[first : first + size, -1], k, most)
        for first in range(0, len(queries), size)
    ]
    if not parts:
        return hits
    scores, rows = (np.concatenate(some) for some in zip(*parts, strict=True))
    return Hits(scores, rows)


def _proven(sifted: _Sifted, queries: Vectors, floors: np.ndarray, k: int, most: int) -> tuple[np.ndarray, Rows]:
    vectors, bounds, live = sifted
    rows, known = bounds.reaching(queries, floors, most)
    found = scored(vectors, queries, without(rows, live), vectors.dim, k)
    if not known.all():
        rest = exact(vectors, queries[~known], [vectors.dim], k, live)[vectors.dim]
        found.scores[~known], found.rows[~known] = rest.scores, rest.rows
    return found.scores, found.rows

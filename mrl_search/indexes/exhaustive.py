"""Exact search over all rows, or the first of them, at several widths in one pass."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mrl_search.hits import Hits, Live, Rows, Scores, best, merge
from mrl_search.indexes.scoring import scored
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

_QUERIES = 256  # at a time; with a block of 16,384 rows 17 MB of cosines
NOISE = np.float32(4e-6)
"""What float32 may err by in the inner product of two unit vectors of some thousand dims."""


def exact(
    vectors: StoredVectors, queries: Vectors, dims: Sequence[int], k: int, live: Live | None = None
) -> dict[int, Hits]:
    """The k best of all live rows by the cosine of the first `dim` coordinates, for each of `dims`; see `growing`."""
    (of_all,) = growing(vectors, queries, dims, k, [len(vectors)], live)
    return of_all[1]


def compared(vectors: StoredVectors, queries: Vectors, rows: Rows, dim: int, k: int) -> Hits:
    """The k best of (m,) rows, which all queries are compared with one by one: for a few rows of many."""
    parts = [
        scored(
            vectors, queries[first : first + _QUERIES], np.tile(rows, (min(_QUERIES, len(queries) - first), 1)), dim, k
        )
        for first in range(0, len(queries), _QUERIES)
    ]
    return _stacked(parts, k)


def growing(
    vectors: StoredVectors,
    queries: Vectors,
    dims: Sequence[int],
    k: int,
    sizes: Sequence[int],
    live: Live | None = None,
) -> Iterator[tuple[int, dict[int, Hits]]]:
    """(n, the k best of the first n rows by each width) for every n of `sizes`, ascending, in one pass over the rows.

    queries: (q, ≥ max(dims)). Every coordinate is read and multiplied once: the sums of one width go on to the next.
    Those only choose candidates, since a product of matrices rounds by a row's place; `scored` decides. The rows are
    read as they lie, their lengths summed beside the products.
    Holds a block of rows and its cosines with 256 queries, whatever n and q are.
    """
    dims, wanted = sorted(set(dims)), set(sizes)
    parts = [queries[first : first + _QUERIES] for first in range(0, len(queries), _QUERIES)]
    nothing = [best(np.empty((len(part), 0), np.float32), np.empty((len(part), 0), np.int64), k) for part in parts]
    found = {dim: list(nothing) for dim in dims}
    for start, block in _cut(vectors, dims[-1], wanted):
        for place, part in enumerate(parts):
            for dim, cosines in _cosines(part, block, dims):
                so_far = found[dim][place]
                if live is not None:
                    cosines[:, ~live[start : start + len(block)]] = -np.inf
                floors = _floors(cosines, so_far.scores[:, -1], k)
                # a query of zeros scores 0 with every row, so that the first k are the best, and no later one is wanted
                floors[~part[:, :dim].any(axis=1) & (so_far.rows[:, -1] >= 0)] = np.inf
                here = scored(vectors, part, _reaching(cosines, floors, start), dim, k)
                found[dim][place] = merge([so_far, here], k)
        if start + len(block) in wanted:
            yield start + len(block), {dim: _stacked(some, k) for dim, some in found.items()}


def _cut(vectors: StoredVectors, dim: int, sizes: set[int]) -> Iterator[tuple[int, Vectors]]:
    """`vectors.scan`, cut where one of the sizes is reached; an empty one where there is no row."""
    if not len(vectors):
        yield 0, np.empty((0, dim), np.float32)
    for start, block in vectors.scan(dim):
        edges = sorted({0, len(block), *(size - start for size in sizes if start < size < start + len(block))})
        for first, last in pairwise(edges):
            yield start + first, block[first:last]


def _cosines(queries: Vectors, block: Vectors, dims: Sequence[int]) -> Iterator[tuple[int, Scores]]:
    """(dim, the (q, m) cosines at that width) for each width, the narrowest first; 0 with a prefix of zeros."""
    dots = np.zeros((len(queries), len(block)), np.float32)
    lengths = [np.zeros(len(rows), np.float32) for rows in (queries, block)]  # squared
    begin = 0
    for dim in dims:
        ours, theirs = queries[:, begin:dim], block[:, begin:dim]
        dots += ours @ theirs.T
        for squares, rows in zip(lengths, (ours, theirs), strict=True):
            squares += np.einsum("nd,nd->n", rows, rows)
        of_query, of_row = (_inverse_roots(squares) for squares in lengths)
        yield dim, dots * of_row * of_query[:, None]
        begin = dim


def _inverse_roots(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.divide(1, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)


def _floors(cosines: Scores, least: Scores, k: int) -> Scores:
    """(q,): what a cosine must reach for a row to be among the k best so far: the least of them, or of this block's."""
    floors = least.copy()
    new = np.isneginf(least)
    if cosines.shape[1] > k and new.any():
        floors[new] = np.partition(cosines[new], -k, axis=1)[:, -k]
    reached: Scores = np.maximum(floors - NOISE, np.finfo(np.float32).min)  # -inf is of a row that is not live
    return reached


def _reaching(cosines: Scores, floors: Scores, start: int) -> Rows:
    """(q, m): the rows, of a block that begins at `start`, whose cosine reaches their query's floor; -1 beyond them."""
    lines, places = np.nonzero(cosines >= floors[:, None])
    counts = np.bincount(lines, minlength=len(cosines))
    rows = np.full((len(cosines), counts.max(initial=0)), -1, np.int64)
    rows[lines, np.arange(len(lines)) - np.repeat(np.cumsum(counts) - counts, counts)] = places + start
    return rows


def _stacked(parts: list[Hits], k: int) -> Hits:
    empty = [np.empty((0, k), np.float32)], [np.empty((0, k), np.int64)]
    return Hits(
        np.concatenate(empty[0] + [part.scores for part in parts]),
        np.concatenate(empty[1] + [part.rows for part in parts]),
    )

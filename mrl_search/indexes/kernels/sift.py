"""Going through all rows for those whose upper bound reaches a score: first by 4 bits a dim, then by bytes."""

import numpy as np

from mrl_search.indexes.kernels.blocks import ROWS, block_reaching
from mrl_search.indexes.kernels.select import compiled
from mrl_search.indexes.kernels.simd import dot_of_bytes, prefetch, trailing_zeros

_TILE = 32  # blocks that all queries look at before the next: a fraction of the L2 cache
_AHEAD = 16  # rows asked for before they are needed


@compiled
def _reaching_near(near, first, last, count, weights, terms, rows):
    """Writes which rows of blocks first … last - 1 reach their query's floor; returns how many."""
    width = near.shape[1]
    octets = len(weights) // 16
    found = 0
    for block in range(first, last):
        mask = block_reaching(near, block * width, weights, octets, terms)
        for half in range(2):
            bits = np.uint32((mask >> np.uint64(32 * half)) & np.uint64(0xFFFFFFFF))
            while bits:
                row = block * ROWS + 32 * half + trailing_zeros(bits)
                bits &= bits - np.uint32(1)
                rows[found] = row
                found += row < count  # the last block has room
    return found


@compiled
def _reaches_far(far, facts, row, upper, lower, terms):
    """Whether a row's bound by bytes is 0 or more."""
    width, dims = far.shape[1], len(upper)
    high = dot_of_bytes(far, row * width, upper, dims)
    low = dot_of_bytes(far, row * width, lower, dims)
    error, tail = facts[row, -2], facts[row, -1]
    total = np.float64(np.int64(256) * np.int64(high) + np.int64(low))
    return terms[0] + terms[1] * total + terms[2] * error + terms[3] * tail >= 0


@compiled
def sift(near, far, facts, near_weights, near_terms, far_weights, far_terms, found, counts, begin, end):
    """Every row of blocks begin … end - 1 whose bound is 0 or more, for each query, in order.

    near: (blocks, width) uint8, as `block_reaching` reads them. far: (n, dims + 4) uint8, a byte a dim, then error and
    tail as uint16, the last two of facts: (n, …) uint16, the same bytes.
    near_weights: (q, 2 · dims) int8 and near_terms: (q, 4) float32, as `block_reaching` takes them.
    far_weights: (q, 2, dims) int8, upper and lower bytes; far_terms: (q, 4) float64.
    found: (q, most) int64, written, counts: (q,) int64, how many; beyond `most` a query is given up.
    """
    most = found.shape[1]
    some = np.empty(_TILE * ROWS + 1, np.int64)
    for tile in range(begin, end, _TILE):
        for query in range(len(counts)):
            if counts[query] > most:
                continue
            upper, lower, terms = far_weights[query, 0], far_weights[query, 1], far_terms[query]
            reaching = _reaching_near(
                near, tile, min(tile + _TILE, end), len(far), near_weights[query], near_terms[query], some
            )
            for place in range(reaching):
                ahead = some[min(place + _AHEAD, reaching - 1)] * far.shape[1]
                for line in range(0, far.shape[1] + 63, 64):
                    prefetch(far, ahead + min(line, far.shape[1] - 1))
                row = some[place]
                if _reaches_far(far, facts, row, upper, lower, terms):
                    if counts[query] < most:
                        found[query, counts[query]] = row
                    counts[query] += 1

"""Comparing candidates by finer codes: FAISS's 4-bit scalar quantiser, two dims a byte, from RAM.

At 128 dims a cache line, where the vector's own prefix is eight; .991 of the exact top 10 are among the best 75 by
these codes, .988 among the best 800 by the codes that are scanned (benchmarks/codes.py, 290,000 sentences).
"""

import numpy as np

from mrl_search.indexes.kernels.select import compiled, key_of, largest, least_of, row_of
from mrl_search.indexes.kernels.simd import dot_of_halves, prefetch

_AHEAD = 16  # rows asked for before they are needed
_RULES = 4  # times what an inner product errs by as a rule: of the best 10 by 768 dims .999 are left, by 128 all


@compiled
def as_bytes(numbers, weights):
    """Writes the numbers to int8 weights as multiples of a step, which is returned; weights beyond them become 0."""
    step = max(np.abs(numbers).max(), np.float32(1e-30)) / np.float32(127)
    weights[:] = 0
    for place in range(len(numbers)):
        weights[place] = np.int8(np.rint(numbers[place] / step))
    return step


@compiled
def weights_of(query, steps, width):
    """(2 · width,) int8: a code's worth for this query, up to a factor; even dims, then odd ones, each filled with 0.

    steps: (d,) float32, how far apart two codes of a dim are. Where codes start adds the same to every row.
    """
    by_dim = np.empty(len(steps), np.int8)
    as_bytes(query * steps, by_dim)
    weights = np.zeros(2 * width, np.int8)
    for place in range(len(steps)):
        weights[(place & 1) * width + (place >> 1)] = by_dim[place]
    return weights


@compiled
def refined(keys, codes, weights):
    """Gives every key, of which the row is read, the sum of its row's codes. codes: (n, width) uint8."""
    width = codes.shape[1]
    for place in range(len(keys)):
        ahead = row_of(keys[min(place + _AHEAD, len(keys) - 1)])
        for line in range(0, width, 64):
            prefetch(codes, ahead * width + line)
        row = row_of(keys[place])
        keys[place] = key_of(np.int64(dot_of_halves(codes, row * width, weights, width)) + 0x80000000, row)


@compiled
def _doubt(weights):
    """How far apart two sums may lie and yet be in the wrong order.

    A coordinate is off by up to half a step, one as likely as the other: by step / √12 as a rule, and a sum of
    independent ones by √(Σ (weight · step)² / 12).
    """
    square = np.float32(0)
    for weight in weights:
        square += np.float32(weight) * np.float32(weight)
    return np.int64(_RULES * np.sqrt(square / np.float32(12)))


@compiled
def narrow(queries, rows, codes, steps, k, found_rows, first, last):
    """Those of each query's rows that may be among its k best, by their codes and how far these may err; in any order.

    queries: (q, ≥ d) float32, of which first … last - 1 are answered. rows: (q, m) int64, below 0 for none.
    codes: (n, width) uint8; steps: (d,) as of `weights_of`. found_rows: (q, m), filled with -1 beyond what is left.
    """
    keys = np.empty(rows.shape[1], np.uint64)
    for query in range(first, last):
        count = 0
        for row in rows[query]:
            if row >= len(codes):
                raise IndexError("a row beyond the end of the sketches")
            if row >= 0:
                keys[count] = key_of(0, row)
                count += 1
        weights = weights_of(queries[query, : len(steps)], steps, codes.shape[1])
        refined(keys[:count], codes, weights)
        least = np.int64(0)
        if count > k:
            least = _sum_of(least_of(largest(keys[:count], k))) - _doubt(weights)
        found_rows[query] = -1
        left = 0
        for key in keys[:count]:
            if _sum_of(key) >= least:
                found_rows[query, left] = row_of(key)
                left += 1


@compiled
def _sum_of(key):
    return np.int64(key >> np.uint64(32))

"""Comparing candidates by finer codes: FAISS's 4-bit scalar quantiser, two dims a byte, from RAM.

At 128 dims a cache line, where the vector's own prefix is eight; .991 of the exact top 10 are among the best 75 by
these codes, .988 among the best 800 by the codes that are scanned (benchmarks/codes.py, 290,000 sentences).
"""

import numpy as np

from mrl_search.indexes.kernels.select import compiled, key_of, row_of
from mrl_search.indexes.kernels.simd import dot_of_halves, prefetch

_AHEAD = 16  # rows asked for before they are needed


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
    """(weights, unit): (2 · width,) int8, a code's worth for this query in units; even dims, then odd ones, then 0.

    steps: (d,) float32, how far apart two codes of a dim are. Where codes start adds the same to every row.
    """
    by_dim = np.empty(len(steps), np.int8)
    unit = as_bytes(query * steps, by_dim)
    weights = np.zeros(2 * width, np.int8)
    for place in range(len(steps)):
        weights[(place & 1) * width + (place >> 1)] = by_dim[place]
    return weights, unit


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

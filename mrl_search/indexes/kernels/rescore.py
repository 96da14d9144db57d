"""Cosines of stored rows with queries, straight from the memory map: no copy of the rows is made."""

import numpy as np
from numba import types
from numba.extending import overload

from mrl_search.indexes.kernels.select import compiled, fast, key_of, largest, least_of, row_of
from mrl_search.indexes.kernels.simd import bits_of_float, float_of_bits, prefetch

STEP = 128
"""Sums are taken over this many coordinates at a time and then added in order.

So the sum over the first 768 is the same, bit for bit, whether an earlier stage
had summed the first 128 or not, and wherever the row stands.
"""

_AHEAD = 8  # rows asked for before they are needed
_LINES = 8  # cache lines of each; the CPU's own prefetcher sees the stream by then


def _as_float(value):
    """A stored coordinate as float32."""


@overload(_as_float, inline="always")
def _as_float_of(value):
    if value == types.uint16:  # bfloat16: the upper half of a float32's bits
        return lambda value: float_of_bits(np.uint32(value) << np.uint32(16))
    return lambda value: np.float32(value)


@fast
def _step(data, row, query, begin):
    """Inner product with the query, and own squared length, over STEP coordinates; summed in any fixed order."""
    dot, square = np.float32(0), np.float32(0)
    for place in range(STEP):
        at = begin + np.uint64(place)  # unsigned: a sign would be tested, and nothing vectorised
        coordinate = _as_float(data[row, at])
        dot += coordinate * query[at]
        square += coordinate * coordinate
    return dot, square


@fast
def _part(data, row, query, begin, end):
    """As `_step`, over fewer coordinates."""
    dot, square = np.float32(0), np.float32(0)
    for at in range(begin, end):
        coordinate = _as_float(data[row, at])
        dot += coordinate * query[at]
        square += coordinate * coordinate
    return dot, square


@compiled
def _sums(data, row, query, start, dim, dot, square):
    """(dot, square) over the first `start` coordinates, carried on to the first `dim`."""
    begin = start
    while begin + STEP <= dim:
        more_dot, more_square = _step(data, row, query, np.uint64(begin))
        dot += more_dot
        square += more_square
        begin += STEP
    if begin < dim:
        more_dot, more_square = _part(data, row, query, np.uint64(begin), np.uint64(dim))
        dot += more_dot
        square += more_square
    return dot, square


@compiled
def _ask_for(data, row, start, dim):
    """Starts fetching a row's coordinates into the cache."""
    per_line = 64 // data.itemsize
    first = row * data.shape[1] + start
    for line in range(min(_LINES, (dim - start + per_line - 1) // per_line)):
        prefetch(data, first + line * per_line)


@compiled
def _key(dot, square, length, row):
    """The cosine as 32 bits that order as floats do, and the row; 0 is less than every key."""
    scale = length * np.sqrt(square)
    cosine = dot / scale if scale > 0 else np.float32(0)
    bits = bits_of_float(np.float32(cosine + np.float32(0)))  # -0 becomes 0
    return key_of(~bits if bits >> np.uint32(31) else bits | np.uint32(0x80000000), row)


@compiled
def _cosine(key):
    """The cosine in a key."""
    bits = np.uint32(key >> np.uint64(32))
    return float_of_bits(bits ^ np.uint32(0x80000000) if bits >> np.uint32(31) else ~bits)


@compiled
def _best(keys, k):
    """The places of the k largest keys, largest first; keys of 0 stand for nothing."""
    if not len(keys) or k < 1:
        return np.empty(0, np.int64)
    best_keys = largest(keys, k)
    least = max(least_of(best_keys), np.uint64(1))
    chosen = np.empty(len(best_keys), np.int64)
    count = 0
    for place in range(len(keys)):
        if keys[place] >= least and count < len(chosen):  # keys may repeat if rows do
            chosen[count] = place
            count += 1
    order = np.argsort(keys[chosen[:count]])
    return chosen[order[::-1]]


@compiled
def rescore(
    data, queries, rows, start, dim, dots, squares, best_scores, best_rows, best_dots, best_squares, first, last
):
    """The best of the given rows by the cosine of the first `dim` coordinates: score down, then row up.

    data: (n, D) float32, bfloat16 bits or int8; queries: (q, ≥ dim) float32, of which first … last - 1 are answered.
    rows: (q, m) int64, below 0 for none, none twice in a line.
    dots, squares: (q, m) float32, what the first `start` coordinates came to; not read where start is 0.
    best_…: (q, k), written; (-inf, -1, 0, 0) where rows are too few.
    """
    many, k = rows.shape[1], best_rows.shape[1]
    keys = np.empty(many, np.uint64)
    now_dots, now_squares = np.empty(many, np.float32), np.empty(many, np.float32)
    for query in range(first, last):
        length = np.sqrt(_sums(queries, np.uint64(query), queries[query], 0, dim, np.float32(0), np.float32(0))[1])
        for place in range(many):
            if place + _AHEAD < many and rows[query, place + _AHEAD] >= 0:
                _ask_for(data, rows[query, place + _AHEAD], start, dim)
            row = rows[query, place]
            keys[place] = 0
            if row >= len(data):
                raise IndexError("a row beyond the end of the vectors")
            if row >= 0:
                dot, square = np.float32(0), np.float32(0)
                if start > 0:
                    dot, square = dots[query, place], squares[query, place]
                dot, square = _sums(data, np.uint64(row), queries[query], start, dim, dot, square)
                now_dots[place], now_squares[place] = dot, square
                keys[place] = _key(dot, square, length, row)
        best = _best(keys, k)
        for place, source in enumerate(best):
            best_scores[query, place], best_rows[query, place] = _cosine(keys[source]), row_of(keys[source])
            best_dots[query, place], best_squares[query, place] = now_dots[source], now_squares[source]
        for place in range(len(best), k):
            best_scores[query, place], best_rows[query, place] = -np.inf, -1
            best_dots[query, place], best_squares[query, place] = 0, 0

"""Checksums of stored rows, as fast as memory gives them."""

import numpy as np

from mrl_search.indexes.kernels.select import compiled
from mrl_search.indexes.kernels.simd import prefetch

_AHEAD = 8  # rows asked for before they are needed
_LINE = 64  # bytes
_LINES = 8  # of each row; the CPU's own prefetcher sees the stream by then


@compiled
def _sum(words, row, factors):
    """Of one row, whose place is in it: see `row_sums`. Unsigned products of halves of a register, so vectorised."""
    total = np.uint64(row) + np.uint64(1)
    for place in range(len(factors)):
        total += np.uint64(words[row, place]) * np.uint64(factors[place])
    return total


@compiled
def sum_rows(words, factors, first, sums):
    """Writes the sums of (m, w) words that are rows `first` … of a file."""
    for row in range(len(words)):
        sums[row] = _sum(words, np.uint64(row), factors) + np.uint64(first)


@compiled
def unsound(words, factors, sums, known, rows):
    """The first of the rows whose words are not what was summed, -1 if there is none; marks in `known` those that are.

    words: (n, w) unsigned; factors: (w,); sums: (n,) uint64; known: (n,) bool. rows: (m,), below 0 for none.
    """
    per_line = _LINE // words.itemsize
    width = words.shape[1]
    for place in range(len(rows)):
        ahead = rows[min(place + _AHEAD, len(rows) - 1)]
        if 0 <= ahead < len(words) and not known[ahead]:
            for at in range(0, min(width, _LINES * per_line), per_line):
                prefetch(words, ahead * width + at)
        row = rows[place]
        if row >= len(words):
            raise IndexError("a row beyond the end of the vectors")
        if row >= 0 and not known[row]:
            if _sum(words, np.uint64(row), factors) != sums[row]:
                return row
            known[row] = True
    return -1

"""Scanning 4-bit product-quantiser codes cell by cell, for one query after the other.

FAISS's own scan of `IVF…,PQ…x4fs` takes as long for an eighth of 200,000 codes as for all of them without cells
(164 against 149 µs), so its structure is read and walked here (docs/benchmarks.md). What is chosen from many is
chosen without branches that depend on it: a CPU that foresees them wrongly loses more than all the arithmetic.
"""

import numpy as np

from mrl_search.indexes.kernels.finer import as_bytes, refined, weights_of
from mrl_search.indexes.kernels.lookup import block_sums
from mrl_search.indexes.kernels.select import compiled, fast, key_of, largest, row_of
from mrl_search.indexes.kernels.simd import at_least, dot_of_bytes, prefetch, trailing_zeros

_BLOCK = 32  # codes FAISS packs together
_AHEAD = 2  # blocks of the next cell asked for in advance; the CPU's own prefetcher sees the stream by then
_SHIFT = np.uint16(5)  # of sums of up to 65,535, to count them in bins
_ROWS_AHEAD = 8  # blocks whose rows are asked for before they are needed
_MIDDLE = 0x80000000  # makes an int32 a number that is not negative
_BINS_OF_SUMS = 1 << 11


@compiled
def _nearest(centres, step, query, probes):
    """(cells, scores) of the `probes` centres nearest to the query, but for one number that is the same for all."""
    width = centres.shape[1]
    weights = np.empty(width, np.int8)
    step *= as_bytes(query, weights)
    keys = np.empty(len(centres), np.uint64)
    for cell in range(len(centres)):
        keys[cell] = key_of(np.int64(dot_of_bytes(centres, cell * width, weights, width)) + _MIDDLE, cell)
    keys = largest(keys, probes)
    cells, scores = np.empty(len(keys), np.int64), np.empty(len(keys), np.float32)
    for place, key in enumerate(keys):
        cells[place] = row_of(key)
        scores[place] = np.float32(np.int64(key >> np.uint64(32)) - _MIDDLE) * step
    return cells, scores


@fast
def _tables(query, centroids, spread):
    """(16 bytes a table, steps a unit of score): what each 4-bit code adds to the score, in equal steps.

    255 steps for the widest table, or fewer: 16 bits must hold a sum over all tables and `spread`, scores of cells.
    """
    tables, width, codes = centroids.shape
    exact = np.zeros((tables, codes), np.float32)
    widest, together = np.float32(1e-30), spread
    for table in range(tables):
        for place in range(width):
            for code in range(codes):
                exact[table, code] += centroids[table, place, code] * query[table * width + place]
        low = high = exact[table, 0]
        for code in range(codes):
            low, high = min(low, exact[table, code]), max(high, exact[table, code])
        for code in range(codes):
            exact[table, code] -= low
        widest = max(widest, high - low)
        together += high - low
    # no entry over a byte, no sum over 16 bits even where every entry was rounded up
    scale = min(np.float32(255) / widest, np.float32(65_534 - tables) / max(together, np.float32(1e-30)))
    rounded = np.empty(tables * codes, np.uint8)
    for table in range(tables):
        for code in range(codes):
            rounded[table * codes + code] = np.uint8(exact[table, code] * scale + np.float32(0.5))
    return rounded, scale


@compiled
def _count_blocks(cells, starts):
    count = 0
    for cell in cells:
        count += starts[cell + 1] - starts[cell]
    return count


@compiled
def _sum_up(luts, blocks, cells, lead, starts, sums, largest_sums, sequence):
    """The sum of every code of those cells and its cell's lead, the largest of each block, and which block it is."""
    tables = len(luts) // 16
    stride = tables * 16  # bytes of a block: 32 codes of half a byte a table
    number = 0
    for place, cell in enumerate(cells):
        ahead = starts[cells[min(place + 1, len(cells) - 1)]] * stride
        for line in range(ahead, min(ahead + _AHEAD * stride, len(blocks)), 64):
            prefetch(blocks, line)
        for block in range(starts[cell], starts[cell + 1]):
            largest_sums[number] = block_sums(blocks, block * stride, luts, tables, lead[place], sums, number * _BLOCK)
            sequence[number] = block
            number += 1


@compiled
def _least(largest_sums, k):
    """A sum that at least k codes reach: k blocks, or all there are, have one."""
    counts = np.zeros(_BINS_OF_SUMS, np.int64)
    for one in largest_sums:
        counts[one >> _SHIFT] += 1
    total = 0
    for number in range(_BINS_OF_SUMS - 1, -1, -1):
        total += counts[number]
        if total >= k:
            return np.uint16(number << _SHIFT)
    return np.uint16(0)


@compiled
def _reaching(least, sums, largest_sums, sequence, rows):
    """Keys of all codes whose sum is at least that."""
    numbers = np.empty(len(largest_sums) + 1, np.int64)
    count = 0
    for number in range(len(largest_sums)):  # no branch, which a CPU could not foresee
        numbers[count] = number
        count += largest_sums[number] >= least
    keys = np.empty(count * _BLOCK, np.uint64)
    found = 0
    for place in range(count):
        ahead = sequence[numbers[min(place + _ROWS_AHEAD, count - 1)]] * _BLOCK
        prefetch(rows, ahead)
        prefetch(rows, ahead + _BLOCK // 2)
        start = numbers[place] * _BLOCK
        better = at_least(sums, start, least)
        while better:
            within = trailing_zeros(better)
            better &= better - np.uint32(1)
            row = rows[sequence[numbers[place]] * _BLOCK + within]
            keys[found] = key_of(sums[start + within], row)
            found += row >= 0
    return keys[:found]


@compiled
def _best_codes(sums, largest_sums, sequence, rows, k):
    """Keys of the k best codes and of some more, or of all there are if they are fewer than k, in no order."""
    for blocks in (k // 4, k // 2, k):  # the best codes stand together: about four in each block that has one
        keys = _reaching(_least(largest_sums, blocks), sums, largest_sums, sequence, rows)
        if len(keys) >= k:
            return keys
    return _reaching(np.uint16(0), sums, largest_sums, sequence, rows)  # the largest sums were of places without a row


@compiled
def scan(queries, codes, probes, wanted, found_rows, first, last):
    """The rows of the k best codes of each query, in no order, among the `probes` cells nearest to it.

    queries: (q, ≥ d) float32, of which first … last - 1 are answered. codes: a `Codes`.
    wanted: as many as that of the best codes by their tables, k or more, are compared by their finer codes, if there
    are any.
    found_rows: (q, k) int64, filled with -1 beyond what is found. Equal sums go to the lower row.
    """
    k = found_rows.shape[1]
    asked = np.empty(len(codes.order), np.float32)
    is_finer = len(codes.finer) > 0
    for query in range(first, last):
        for place in range(len(asked)):
            asked[place] = queries[query, codes.order[place]]
        nearest, scores = _nearest(codes.centres, codes.centre_step, asked, probes)
        scores = (scores - scores.min()) * np.float32(codes.by_residual)  # otherwise a code says it all
        luts, scale = _tables(asked, codes.centroids, scores.max())
        count = _count_blocks(nearest, codes.starts)
        sums, largest_sums = np.empty(count * _BLOCK, np.uint16), np.empty(count, np.uint16)
        sequence = np.empty(count, np.int64)
        lead = (scores * scale + np.float32(0.5)).astype(np.uint16)
        _sum_up(luts, codes.blocks, nearest, lead, codes.starts, sums, largest_sums, sequence)
        keys = _best_codes(sums, largest_sums, sequence, codes.rows, max(k, wanted) if is_finer else k)
        if is_finer:
            refined(keys, codes.finer, weights_of(asked, codes.steps, codes.finer.shape[1])[0])
        keys = largest(keys, k)
        for place in range(k):
            found_rows[query, place] = row_of(keys[place]) if place < len(keys) else -1

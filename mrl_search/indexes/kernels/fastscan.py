"""Scanning 4-bit product-quantiser codes cell by cell, for one query after the other.

FAISS's own scan of `IVF…,PQ…x4fs` takes as long for an eighth of 200,000 codes as for all of them without cells
(164 against 149 µs), so its structure is read and walked here (docs/benchmarks.md).
"""

import numpy as np

from mrl_search.indexes.kernels.select import compiled, fast, key_of, largest_first, row_of
from mrl_search.indexes.kernels.simd import at_least, block_sums, prefetch, trailing_zeros

_BLOCK = 32  # codes FAISS packs together
_AHEAD = 4  # blocks asked for before they are needed
_BINS = 512
_SHIFT = np.uint16(5)  # of sums of up to 65,535, to count them in bins
_BINS_OF_SUMS = 1 << 11


@fast
def _products(matrix, vector):
    """The inner product of every row with the vector."""
    products = np.empty(len(matrix), np.float32)
    for row in range(len(matrix)):
        total = np.float32(0)
        for place in range(matrix.shape[1]):
            total += matrix[row, place] * vector[place]
        products[row] = total
    return products


@compiled
def _nearest(scores, count):
    """The places of the `count` best scores, nearly in order: they are sorted into 512 bins."""
    low, high = scores.min(), scores.max()
    scale = np.float32(_BINS - 1) / max(high - low, np.float32(1e-30))
    starts = np.zeros(_BINS + 1, np.int64)
    bins = np.empty(len(scores), np.int64)
    for place in range(len(scores)):
        above = (scores[place] - low) * scale
        # written so that NaN, which no comparison finds, goes into the last bin and not out of the array
        bins[place] = _BINS - 1 - np.int64(min(above, _BINS - 1)) if above >= 0 else _BINS - 1
        starts[bins[place] + 1] += 1
    for number in range(_BINS):
        starts[number + 1] += starts[number]
    order = np.empty(len(scores), np.int64)
    for place in range(len(scores)):
        order[starts[bins[place]]] = place
        starts[bins[place]] += 1
    return order[:count]


@fast
def _tables(query, centroids):
    """What each 4-bit code adds to the score, in equal steps, 255 of the widest table or fewer: 16 bytes a table."""
    tables, width, codes = centroids.shape
    exact = np.zeros((tables, codes), np.float32)
    widest, together = np.float32(1e-30), np.float32(1e-30)
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
    scale = min(np.float32(255) / widest, np.float32(65_535 - tables) / together)
    rounded = np.empty(tables * codes, np.uint8)
    for table in range(tables):
        for code in range(codes):
            rounded[table * codes + code] = np.uint8(exact[table, code] * scale + np.float32(0.5))
    return rounded


@compiled
def _count_blocks(cells, starts):
    count = 0
    for cell in cells:
        count += starts[cell + 1] - starts[cell]
    return count


@compiled
def _sum_up(luts, blocks, cells, starts, sums, largest, sequence):
    """The sum of every code of those cells, the largest of each block, and which block it is."""
    tables = len(luts) // 16
    stride = tables * 16  # bytes of a block: 32 codes of half a byte a table
    number = 0
    for cell in cells:
        for block in range(starts[cell], starts[cell + 1]):
            for line in range(0, stride, 64):
                prefetch(blocks, min((block + _AHEAD) * stride, len(blocks) - stride) + line)
            largest[number] = block_sums(blocks, block * stride, luts, tables, sums, number * _BLOCK)
            sequence[number] = block
            number += 1


@compiled
def _least(largest, k):
    """A sum that at least k codes reach: k blocks, or all there are, have one."""
    counts = np.zeros(_BINS_OF_SUMS, np.int64)
    for one in largest:
        counts[one >> _SHIFT] += 1
    total = 0
    for number in range(_BINS_OF_SUMS - 1, -1, -1):
        total += counts[number]
        if total >= k:
            return np.uint16(number << _SHIFT)
    return np.uint16(0)


@compiled
def _reaching(least, sums, largest, sequence, rows):
    """Keys of all codes whose sum is at least that."""
    count = 0
    for one in largest:
        count += one >= least
    keys = np.empty(count * _BLOCK, np.uint64)
    found = 0
    for number in range(len(sequence)):
        if largest[number] >= least:
            better = at_least(sums, number * _BLOCK, least)
            while better:
                place = trailing_zeros(better)
                better &= better - np.uint32(1)
                row = rows[sequence[number] * _BLOCK + place]
                if row >= 0:
                    keys[found] = key_of(sums[number * _BLOCK + place], row)
                    found += 1
    return keys[:found]


@compiled
def _best_codes(sums, largest, sequence, rows, k):
    """Keys of the k best codes, in no order, or of all there are."""
    keys = _reaching(_least(largest, k), sums, largest, sequence, rows)
    if len(keys) < k:  # the largest sum of a block was that of a place without a row
        keys = _reaching(np.uint16(0), sums, largest, sequence, rows)
    if len(keys) > k:
        largest_first(keys, k)
    return keys[: min(len(keys), k)]


@compiled
def scan(queries, order, cells, centroids, blocks, starts, rows, probes, k, found_rows, first, last):
    """The rows of the k best codes of each query, in no order, among the `probes` cells nearest to it.

    queries: (q, ≥ d) float32, of which first … last - 1 are answered; order: (d,) where the codes' dims are in them.
    cells: (c, d), their centres. centroids: (tables, d / tables, 16).
    blocks: FAISS's packed codes as uint8; cell c is the blocks starts[c] … starts[c + 1] - 1.
    rows: int32, 32 a block, -1 where a block is not full.
    found_rows: (q, k) int64, filled with -1 beyond what is found.
    Equal sums go to the lower row.
    """
    asked = np.empty(len(order), np.float32)
    for query in range(first, last):
        for place in range(len(order)):
            asked[place] = queries[query, order[place]]
        luts = _tables(asked, centroids)
        nearest = _nearest(_products(cells, asked), probes)
        count = _count_blocks(nearest, starts)
        sums, largest = np.empty(count * _BLOCK, np.uint16), np.empty(count, np.uint16)
        sequence = np.empty(count, np.int64)
        _sum_up(luts, blocks, nearest, starts, sums, largest, sequence)
        keys = _best_codes(sums, largest, sequence, rows, k)
        for place in range(k):
            found_rows[query, place] = row_of(keys[place]) if place < len(keys) else -1

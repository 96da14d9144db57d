"""Leaving out of a shortlist what sketches, 4 bits a dim of whole vectors, show to be too far from the query."""

import numpy as np

from mrl_search.indexes.kernels.finer import weights_of
from mrl_search.indexes.kernels.select import compiled, fast, key_of, largest, least_of
from mrl_search.indexes.kernels.simd import dot_of_halves, prefetch

FACTS = 2
"""float32 numbers at the end of a sketch: `scale` and `error`, see `narrow`."""

_AHEAD = 16  # rows asked for before they are needed
_SURE = np.float32(4)  # times the standard error of an estimate that a row must lie below the k-th best to be left out
_FITS = np.float32(0.2)  # error of codes below which it points anywhere; of real encoders' vectors it is .08 to .2
_HIGHEST = np.float32(15)  # code
_FARTHEST = np.float32(7.5)  # codes lie at most so far from the middle one
_ONE = np.float32(1 << 29)  # a cosine of 1 in the 32 bits of a key
_MIDDLE = 0x80000000


@fast
def _dot(first, second):
    """The inner product; numba's own np.dot would have scipy loaded for it."""
    total = np.float32(0)
    for place in range(len(second)):
        total += first[place] * second[place]
    return total


@fast
def _spread(query, lows, steps):
    """The share of a sketch's squared error that falls on a query's direction.

    1 / d as a rule; more where the query favours dims of long steps, or lies beyond the levels, as rows like it do.
    """
    weighted, squares, beyond, length = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for place in range(len(steps)):
        coordinate, step = query[place], steps[place]
        weighted += (coordinate * step) ** 2
        squares += step**2
        under, over = lows[place] - coordinate, coordinate - lows[place] - _HIGHEST * step
        beyond += max(under, over, np.float32(0)) ** 2
        length += coordinate**2
    tiny = np.float32(1e-30)
    return max(
        weighted / max(squares * length, tiny), beyond / max(length, tiny), np.float32(1) / np.float32(len(steps))
    )


@compiled
def _estimate(query, length, rows, codes, facts, lows, steps, estimates, errors, sure):
    """Writes the cosine of each row with the query as its sketch tells it, and what that errs by as a rule.

    Where codes do not fit a row, because something was cut off, the error may lie along the query altogether: it is
    taken at its full length, and `sure`, otherwise the estimate, is -1.
    """
    pitch, dim = codes.shape[1], len(steps)
    width = pitch - 4 * FACTS
    weights, unit = weights_of(query, steps, width)
    start, spread = _dot(query, lows), _spread(query, lows, steps)
    rounding = (unit * _FARTHEST) ** 2 * np.float32(dim) / np.float32(12)  # of the weights, each by up to half a unit
    for place in range(len(rows)):
        ahead = rows[min(place + _AHEAD, len(rows) - 1)]
        for line in range(0, pitch + 63, 64):
            prefetch(codes, ahead * pitch + min(line, pitch - 1))
        row = rows[place]
        scale, error = facts[row, -2] / length, facts[row, -1]
        estimate = scale * (start + unit * np.float32(dot_of_halves(codes, row * pitch, weights, width)))
        estimates[place] = min(max(estimate, np.float32(-1)), np.float32(1))
        fits = error < _FITS
        # what of the query, squared, the error meets: a share of what does not lie along the row, or all there is
        met = (np.float32(1) - estimates[place] ** 2) * spread if fits else _SURE**-2
        errors[place] = np.sqrt(error**2 * met + scale**2 * rounding)
        sure[place] = estimates[place] if fits else np.float32(-1)


@compiled
def _kth(estimates, rows, k):
    """The k-th largest estimate."""
    keys = np.empty(len(rows), np.uint64)
    for place in range(len(rows)):
        keys[place] = key_of(np.int64(estimates[place] * _ONE) + _MIDDLE, rows[place])
    return np.float32(np.int64(least_of(largest(keys, k)) >> np.uint64(32)) - _MIDDLE) / _ONE


@compiled
def narrow(queries, rows, codes, facts, lows, steps, k, found_rows, first, last):
    """Those of each query's rows that may be among its k best, by their sketches and how far these may err, in order.

    A sketch stands for x̂ in place of the unit vector x. The cosine with a query is estimated as ⟨x̂, q⟩ · scale, where
    scale = 1 / ⟨x̂, x⟩: for x itself that is 1, whatever was cut off. It errs by ⟨x̂ · scale - x, q⟩; the difference
    stands upright on x and so meets that part of the query alone: as a rule in error · √((1 - cosine²) · spread), where
    error = √(‖x̂‖² · scale² - 1) (RaBitQ, 2405.12497, §3.2; there after a random rotation, with a spread of 1 / d).
    Nothing is random where codes do not fit (error ≥ .2): such a row is left out only if all of the error would not
    help it, and is none of the k that others must come near to.
    queries: (q, ≥ d) float32, of which first … last - 1 are answered. rows: (q, m) int64, below 0 for none, none twice.
    codes: (n, width + 8) uint8, and facts: (n, …) float32, the same bytes, of which the last two are scale and error.
    lows, steps: (d,) float32, what codes stand for. found_rows: (q, m), filled with -1 beyond what is left.
    """
    asked = np.empty(rows.shape[1], np.int64)
    estimates, errors = np.empty(rows.shape[1], np.float32), np.empty(rows.shape[1], np.float32)
    sure = np.empty(rows.shape[1], np.float32)
    for number in range(first, last):
        count = 0
        for row in rows[number]:
            if row >= len(codes):
                raise IndexError("a row beyond the end of the sketches")
            asked[count] = row
            count += row >= 0
        query = queries[number, : len(steps)]
        length = np.sqrt(_dot(query, query))
        some = asked[:count]
        least = np.float32(-np.inf)
        if count > k and length > 0:
            _estimate(query, length, some, codes, facts, lows, steps, estimates, errors, sure)
            least = _kth(sure[:count], some, k)
        found_rows[number] = -1
        left = 0
        for place in range(count):
            if least == -np.inf or not estimates[place] + _SURE * errors[place] < least:
                found_rows[number, left] = some[place]
                left += 1

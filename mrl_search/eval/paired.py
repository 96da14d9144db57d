"""Whether two systems differ, and whether they are as good as equal: tests over the same queries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
SURE = 0.05
"""A p value below this is believed."""
PERCENTILES = (100 * (1 - CONFIDENCE) / 2, 100 * (1 + CONFIDENCE) / 2)
_POWER = 0.8
_RESAMPLES = 9_999
_SIGNS_A_TEST = 40  # so that the least p value, times as many tests as there are, is still below .05
_RESAMPLES_OF_STATISTICS = 2_000  # that take a call each
_AT_ONCE = 1_000_000  # values drawn
_ROUNDING = 1e-9
_FEW = 10  # queries that differ; a t-test of fewer believes in a spread that it cannot know
_Draw = Callable[[np.random.Generator, int, int, int, int], NDArray[np.float64]]
_SEED = 0


@dataclass(frozen=True)
class Difference:
    """Second less first, with its 95 % interval.

    p_different: two-sided, that they differ by chance alone. p_equivalent: of two one-sided tests (Schuirmann 1987)
    that the true difference lies within ± margin; below .05, the two are as good as equal.
    """

    mean: float
    low: float
    high: float
    p_different: float
    p_equivalent: float
    margin: float

    @property
    def detectable(self) -> float:
        """The true difference that a test of so many queries would find four times of five, at p < .05.

        (z.975 + z.8) standard errors, which the interval's width tells; what is smaller may well be missed.
        """
        normal = NormalDist()
        sure = normal.inv_cdf((1 + CONFIDENCE) / 2)
        return (self.high - self.low) / 2 * (1 + normal.inv_cdf(_POWER) / sure)


@dataclass(frozen=True)
class Share:
    """A ratio of two means, with its 95 % interval over the queries: a percentile bootstrap's (Efron & Tibshirani 1993,
    ch. 13)."""

    share: float
    low: float
    high: float


def verdict(difference: Difference | None, p_holm: float | None) -> str:
    """What the tests say, and no more: better, worse, as good (within the margin), or unclear; of nothing a dash."""
    if difference is None or p_holm is None:
        return "–"
    words = ["better" if difference.mean > 0 else "worse"] if p_holm < SURE else []
    words += ["as good"] if difference.p_equivalent < SURE else []
    return ", but ".join(words) or "unclear"


def paired(first: ArrayLike, second: ArrayLike, margin: float) -> Difference:
    """Compares two lists of at least two values, query by query; see `paired_rows`."""
    return paired_rows(np.asarray(second, np.float64)[None] - np.asarray(first, np.float64), margin)[0]


def paired_rows(differences: ArrayLike, margin: float) -> list[Difference]:
    """One for each row of (m, q) differences between two systems, query by query, q at least two.

    The interval is a percentile bootstrap's, p_different the paired randomisation test's (Fisher 1935; for retrieval
    Smucker et al. 2007): how often random signs give a mean as far from 0. Both 9,999 times (signs 40 times a row if
    that is more), with a fixed seed, the same for all rows; of few queries all signs are tried. p_equivalent is of
    t-tests; where fewer than ten queries depart from the others these tell too much, and it is no less than how likely
    it is that all are alike if a share of them as large as the margin were to differ by 1.
    """
    from scipy import stats

    values = np.asarray(differences, np.float64)
    means = values.mean(axis=1)
    lows, highs = np.percentile(bootstrapped(values), PERCENTILES, 0)
    told = zip(means, lows, highs, _p_of_signs(values, means), values, strict=True)
    found = []
    for mean, low, high, p_different, row in told:
        p_equivalent = alike = (1 - max(0.0, margin - abs(float(mean)))) ** len(row)
        apart = int((np.abs(row - np.median(row)) > _ROUNDING * abs(mean)).sum())
        if apart:
            above = stats.ttest_1samp(row, -margin, alternative="greater").pvalue
            below = stats.ttest_1samp(row, margin, alternative="less").pvalue
            p_equivalent = float(max(above, below, alike if apart < _FEW else 0.0))
        found.append(Difference(float(mean), float(low), float(high), float(p_different), p_equivalent, margin))
    return found


def shares(values: ArrayLike, of: ArrayLike) -> list[Share | None]:
    """mean(values) / mean(of) for each row of two (m, q) arrays, its queries redrawn in pairs as for `paired_rows`.

    None where `of` is 0 throughout.
    """
    above, below = np.asarray(values, np.float64), np.asarray(of, np.float64)
    drawn = bootstrapped(np.concatenate([above, below])).T
    found: list[Share | None] = []
    for row, (tops, bottoms) in enumerate(zip(drawn[: len(above)], drawn[len(above) :], strict=True)):
        if not below[row].any():
            found.append(None)
            continue
        some = bottoms > 0
        low, high = np.percentile(tops[some] / bottoms[some], PERCENTILES)
        found.append(Share(float(above[row].mean() / below[row].mean()), float(low), float(high)))
    return found


def intervals(values: ArrayLike) -> list[tuple[float, float]]:
    """The 95 % interval of the mean of each row of (m, q), its queries redrawn as for `paired_rows`."""
    lows, highs = np.percentile(bootstrapped(np.asarray(values, np.float64)), PERCENTILES, 0).tolist()
    return list(zip(lows, highs, strict=True))


def bootstrapped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(9,999, m): the mean of each row of (m, q), its queries redrawn as for `paired_rows`, alike for all rows."""
    return _redrawn(_counts, values, _RESAMPLES)


def _p_of_signs(values: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    draws = max(_RESAMPLES, _SIGNS_A_TEST * len(values))
    reached = np.abs(_redrawn(_signs, values, draws)) >= np.abs(means) * (1 - _ROUNDING)
    counted = int(len(reached) == draws)  # the signs that were found, unless all were tried
    p_values: NDArray[np.float64] = (reached.sum(axis=0) + counted) / (len(reached) + counted)
    return p_values


def _redrawn(draw: _Draw, values: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    """(r, m): the means of the (m, q) values weighted by each of r draws, `draws` at most, made some at a time."""
    random, count = np.random.default_rng(_SEED), values.shape[1]
    step = max(1, _AT_ONCE // count)
    parts = [draw(random, count, start, min(start + step, draws), draws) @ values.T for start in range(0, draws, step)]
    means: NDArray[np.float64] = np.concatenate(parts) / count
    return means


def _signs(random: np.random.Generator, count: int, first: int, last: int, draws: int) -> NDArray[np.float64]:
    """Draws first … last - 1 of signs; where there are no more than `draws` of them, each once."""
    if 2**count <= draws:
        numbers = np.arange(first, min(last, 2**count))
        return 2.0 * (numbers[:, None] >> np.arange(count) & 1).astype(np.float64) - 1
    return 2.0 * random.integers(0, 2, (last - first, count), np.int8).astype(np.float64) - 1


def _counts(random: np.random.Generator, count: int, first: int, last: int, _draws: int) -> NDArray[np.float64]:
    """Draws first … last - 1 of how often each query is drawn."""
    return random.multinomial(count, np.full(count, 1 / count), last - first).astype(np.float64)


def redraws(count: int) -> NDArray[np.float64]:
    """(2,000, count): how often each of so many items is drawn in each resample of as many; always the same."""
    return _counts(np.random.default_rng(_SEED), count, 0, _RESAMPLES_OF_STATISTICS, 0)


def resampled(redrawn: NDArray[np.float64], value: float, margin: float) -> Difference:
    """The same by a percentile bootstrap, for a difference that is no mean over items, as of two correlations.

    redrawn: (r,), that difference in each resample. p values are shares of resamples beyond 0 and ± margin.
    """
    low, high = np.percentile(redrawn, PERCENTILES)
    count = len(redrawn) + 1  # the sample itself is one of those that reach as far
    different = 2 * (min((redrawn <= 0).sum(), (redrawn >= 0).sum()) + 1) / count
    equivalent = (max((redrawn <= -margin).sum(), (redrawn >= margin).sum()) + 1) / count
    return Difference(value, float(low), float(high), float(min(1.0, different)), float(equivalent), margin)


def resampled_share(redrawn: NDArray[np.float64], value: float) -> Share:
    """A share of two such statistics, (r,) of it in each resample, with the same bootstrap's interval."""
    low, high = np.percentile(redrawn, PERCENTILES)
    return Share(value, float(low), float(high))


def holm(p_values: Sequence[float]) -> list[float]:
    """p values of a family of tests, adjusted so that all together err at most as often as one (Holm 1979)."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, number in enumerate(np.argsort(p_values, kind="stable").tolist()):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[number]))
        adjusted[number] = largest
    return adjusted

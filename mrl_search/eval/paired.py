"""Whether two systems differ, and whether they are as good as equal: tests over the same queries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
_POWER = 0.8
_RESAMPLES = 9_999
_RESAMPLES_OF_STATISTICS = 2_000  # that take a call each
_AT_ONCE = 10_000_000  # resampled values
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


def paired(first: ArrayLike, second: ArrayLike, margin: float) -> Difference:
    """Compares two lists of at least two values, query by query.

    The interval is a percentile bootstrap's, p_different the paired randomisation test's (Fisher 1935; for retrieval
    Smucker et al. 2007): how often random signs give a mean as far from 0. Both 9,999 times, with a fixed seed.
    p_equivalent is of t-tests.
    """
    from scipy import stats

    differences = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    mean, told = float(differences.mean()), {"n_resamples": _RESAMPLES, "batch": max(1, _AT_ONCE // len(differences))}
    if (differences == differences[0]).all():  # there is nothing to resample
        p_different = 1.0 if mean == 0 else max(0.5 ** (len(differences) - 1), 1 / (_RESAMPLES + 1))
        return Difference(mean, mean, mean, p_different, 0.0 if abs(mean) < margin else 1.0, margin)
    signs = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", vectorized=True, rng=np.random.default_rng(_SEED), **told
    )
    drawn = stats.bootstrap(
        (differences,),
        np.mean,
        method="percentile",
        confidence_level=CONFIDENCE,
        rng=np.random.default_rng(_SEED),
        **told,
    )
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    low, high = drawn.confidence_interval
    return Difference(mean, float(low), float(high), float(signs.pvalue), float(max(above, below)), margin)


def resampled(statistic: Callable[[NDArray[np.int64]], float], count: int, margin: float) -> Difference:
    """The same by a percentile bootstrap, for a difference that is no mean over items, as of two correlations.

    statistic: the difference over the items of those numbers. p values are shares of resamples beyond 0 and ± margin.
    """
    random = np.random.default_rng(_SEED)
    found = np.array([statistic(random.integers(count, size=count)) for _ in range(_RESAMPLES_OF_STATISTICS)])
    low, high = np.percentile(found, [100 * (1 - CONFIDENCE) / 2, 100 * (1 + CONFIDENCE) / 2])
    different = 2 * min((found <= 0).mean(), (found >= 0).mean())
    equivalent = max((found <= -margin).mean(), (found >= margin).mean())
    mean = statistic(np.arange(count))
    return Difference(mean, float(low), float(high), float(min(1.0, different)), float(equivalent), margin)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values of a family of tests, adjusted so that all together err at most as often as one (Holm 1979)."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, number in enumerate(np.argsort(p_values, kind="stable").tolist()):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[number]))
        adjusted[number] = largest
    return adjusted

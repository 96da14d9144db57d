"""Whether two systems differ, and whether they are as good as equal: tests over the same queries."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CONFIDENCE = 0.95
_RESAMPLES = 2_000
_SEED = 0


@dataclass(frozen=True)
class Difference:
    """Second less first, with its 95 % interval.

    p_different: of the two-sided paired t-test. p_equivalent: of two one-sided tests (Schuirmann 1987) that the true
    difference lies within ± margin; below .05, the two are as good as equal.
    """

    mean: float
    low: float
    high: float
    p_different: float
    p_equivalent: float
    margin: float


def paired(first: ArrayLike, second: ArrayLike, margin: float) -> Difference:
    """The paired t-test and TOST of two lists of at least two values, query by query."""
    from scipy import stats

    differences = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    count = len(differences)
    mean, error = float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(count))
    if error == 0:  # no query differs, or all by as much
        inside = abs(mean) < margin
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0, 0.0 if inside else 1.0, margin)
    reach = float(stats.t.ppf((1 + _CONFIDENCE) / 2, count - 1)) * error
    above, below = (mean + margin) / error, (mean - margin) / error
    return Difference(
        mean,
        mean - reach,
        mean + reach,
        float(2 * stats.t.sf(abs(mean) / error, count - 1)),
        float(max(stats.t.sf(above, count - 1), stats.t.cdf(below, count - 1))),
        margin,
    )


def resampled(statistic: Callable[[NDArray[np.int64]], float], count: int, margin: float) -> Difference:
    """The same by a percentile bootstrap, for a difference that is no mean over items, as of two correlations.

    statistic: the difference over the items of those numbers. p values are shares of resamples beyond 0 and ± margin.
    """
    random = np.random.default_rng(_SEED)
    found = np.array([statistic(random.integers(count, size=count)) for _ in range(_RESAMPLES)])
    low, high = np.percentile(found, [100 * (1 - _CONFIDENCE) / 2, 100 * (1 + _CONFIDENCE) / 2])
    different = 2 * min((found <= 0).mean(), (found >= 0).mean())
    equivalent = max((found <= -margin).mean(), (found >= margin).mean())
    mean = statistic(np.arange(count))
    return Difference(mean, float(low), float(high), float(min(1.0, different)), float(equivalent), margin)

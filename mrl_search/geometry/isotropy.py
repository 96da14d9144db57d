"""How evenly vectors fill their space: measures of the covariance of an (n, d) array."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrl_search.geometry.moments import Moments, Reals

_NOTHING = 1e-12
"""Of the largest variance: what float32 may leave of a dim that is constant."""


def participation_ratio(of: Moments) -> float:
    """How many directions share the variance: (Σλ)² / Σλ² of the covariance's eigenvalues; 1 … d.

    Gao et al. 2017, "A theory of multineuronal dimensionality", eq. 5. Traces say it without eigenvalues. NaN where
    nothing varies.
    """
    covariance = of.covariance
    squares = float(np.square(covariance).sum())
    return float(np.trace(covariance)) ** 2 / squares if squares else float("nan")


def isoscore(of: Moments) -> float:
    """IsoScore: 1 if all directions vary alike, 0 if one alone varies (Rudman et al. 2022, §4, algorithm 1).

    Its steps, with λ the d variances along principal axes: λ̂ = √d · λ / ‖λ‖, δ = ‖λ̂ − 1‖ / √(2 (d − √d)),
    ι = ((d − δ² (d − √d))² − d) / (d (d − 1)). Since ‖λ̂‖² = d, the bracket is √d · Σλ / ‖λ‖, and ι is
    (participation ratio − 1) / (d − 1). NaN at one dim.
    """
    dim = len(of.mean)
    return (participation_ratio(of) - 1) / (dim - 1) if dim > 1 else float("nan")


def correlation(of: Moments) -> float:
    """The mean of |Pearson's r| over all pairs of dims that vary; 0 if none depends on another linearly.

    The notes' third figure. Of n independent rows it is not 0 but √(2 / (π n)).
    """
    covariance = of.covariance
    variances = np.diag(covariance)
    varies = variances > _NOTHING * variances.max(initial=0)
    count = int(varies.sum())
    if count < 2:
        return float("nan")
    deviations = np.sqrt(variances[varies])
    correlations = np.abs(covariance[np.ix_(varies, varies)] / np.outer(deviations, deviations))
    return float((correlations.sum() - count) / (count * (count - 1)))


def average_cosine(points: NDArray[np.floating[Any]], weights: Reals) -> Reals:
    """(r,): the mean cosine of two different rows, in each of r redraws (Ethayarajh 2019, §3.3).

    points: (n, d), rows of length 1 or 0. weights: (r, n), how often each row is drawn; a row's pairs with itself are
    left out. From sums: Σ of w_i w_j x_i·x_j over i ≠ j is ‖Σ w x‖² − Σ w² ‖x‖².
    """
    sums = weights @ points
    lengths = np.square(points, dtype=np.float64).sum(axis=1)
    squares = np.square(weights)
    pairs = np.square(weights.sum(axis=1)) - squares.sum(axis=1)
    cosines: Reals = (np.square(sums).sum(axis=1) - squares @ lengths) / pairs
    return cosines


def centred(points: NDArray[np.floating[Any]]) -> Reals:
    """Each row less the mean of all, brought to length 1; a row at the mean is 0."""
    rows = np.asarray(points, np.float64) - points.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    turned: Reals = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return turned

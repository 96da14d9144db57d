"""The singular values of an (n, d) array, by the eigenvalues of its moments: how many of its directions count."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.geometry.moments import Groups, Reals

_NOTHING = 1e-6
"""Of the largest eigenvalue: what float32 may leave of a direction in which nothing lies."""


class Spectrum(NamedTuple):
    """Of a symmetric matrix: values (d,), the largest first and none below 0, and their axes, the columns (d, d)."""

    values: Reals
    axes: Reals


def spectrum(matrix: Reals) -> Spectrum:
    """Of a covariance, or of a second moment."""
    values, axes = np.linalg.eigh(matrix)
    return Spectrum(values[::-1].clip(0), axes[:, ::-1])


def effective_rank(values: Reals) -> float:
    """exp of the entropy of singular values as shares of their sum (Roy & Vetterli 2007, def. 1); 1 … d.

    values: eigenvalues; the singular values of the array are their roots. Of the covariance's it is the effective rank
    of centred rows, of the second moment's RankMe (Garrido et al. 2023, eq. 1, without its ε = 1e-7). Saturates
    where there are fewer than some 4 d rows. What float32 leaves where nothing lies is not counted; 0 of zeros.
    """
    roots = np.sqrt(values[values > _NOTHING * values.max(initial=0)])
    if not len(roots):
        return 0.0
    shares = roots / roots.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def dims_holding(values: Reals, share: float) -> int:
    """How many principal axes hold such a share of the variance; 0 where there is none."""
    if not values.any():
        return 0
    held = np.cumsum(values) / values.sum()
    return int(np.searchsorted(held, share - 1e-12) + 1)


def collapsed(values: Reals) -> int:
    """Directions in which next to nothing varies: eigenvalues of the covariance below 1e-6 of the largest.

    Dimensional collapse (Jing et al. 2022, §3), which there is read off a picture of the spectrum.
    """
    return int((values < _NOTHING * values.max(initial=0)).sum())


def effective_rank_redrawn(groups: Groups, found: Spectrum, weights: NDArray[np.float32], *, centre: bool) -> Reals:
    """(r,): the effective rank in each redraw of the groups, to first order (infinitesimal jackknife).

    found: the spectrum of the covariance if `centre`, else of the second moment. weights: (r, g). Efron & Tibshirani
    1993, ch. 21: the value, and each group's weight times its influence, which is the derivative of the value along
    what the group's matrix is more than the mean. Eigenvalues of 50 redraws at all widths would take longer than all
    else, and copies of rows pull every redraw's rank down, which this does not.
    """
    whole = groups.moments()
    along = (found.axes * _slope(found.values)) @ found.axes.T  # (d, d): how the rank grows with each entry
    shares = groups.counts / groups.counts.sum()
    point = whole.mean if centre else np.zeros_like(whole.mean)
    influences = np.array([_along(along, groups, place, point) for place in range(len(shares))])
    influences -= shares @ influences
    redrawn: Reals = effective_rank(found.values) + weights @ (shares * influences)
    return redrawn


def _slope(values: Reals) -> Reals:
    """(d,): the derivative of `effective_rank` by each eigenvalue; 0 of those that are nothing."""
    some = values > _NOTHING * values.max(initial=0)
    roots = np.sqrt(np.where(some, values, 0))
    if not some.any():
        return roots
    logs = np.log(roots, out=np.zeros_like(roots), where=some) - np.log(roots.sum())
    entropy = -float((roots[some] * logs[some]).sum() / roots.sum())
    slope: Reals = np.divide(
        -np.exp(entropy) * (logs + entropy), 2 * roots * roots.sum(), out=np.zeros_like(roots), where=some
    )
    return slope


def _along(along: Reals, groups: Groups, place: int, point: Reals) -> float:
    """⟨along, the second moment of a group's rows about a point⟩."""
    apart = groups.about - point
    turned = along @ apart
    summed = float(np.vdot(along, groups.products[place])) + 2 * float(turned @ groups.sums[place])
    return summed / float(groups.counts[place]) + float(turned @ apart)

"""The singular values of an (n, d) array, by the eigenvalues of its moments: how many of its directions count."""

from typing import NamedTuple

import numpy as np

from mrl_search.geometry.moments import Reals

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

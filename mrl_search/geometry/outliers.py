"""Dims that stand out, and what they do to cosines."""

from dataclasses import dataclass

import numpy as np

from mrl_search.geometry.moments import Moments

_FAR = 3.0


@dataclass(frozen=True)
class OutlierDim:
    """dim: from 0. share: of the average cosine of two rows, what this dim contributes."""

    dim: int
    mean: float
    deviation: float
    share: float


def outlier_dims(of: Moments) -> tuple[OutlierDim, ...]:
    """Dims whose mean, or standard deviation, lies over three standard deviations from that of all dims.

    The 3σ rule of Kovaleva et al. 2021, §3. share: E x_j y_j of two independent rows, mean_j², of the sum over dims
    (Timkey & van Schijndel 2021, eq. 3). The largest share first.
    """
    deviations = np.sqrt(np.diag(of.covariance).clip(0))
    far = np.zeros(len(of.mean), np.bool_)
    for told in (of.mean, deviations):
        far |= np.abs(told - told.mean()) > _FAR * told.std()
    contributed = np.square(of.mean)
    total = float(contributed.sum()) or 1.0
    found = sorted(np.flatnonzero(far).tolist(), key=lambda dim: -contributed[dim])
    return tuple(
        OutlierDim(dim, float(of.mean[dim]), float(deviations[dim]), float(contributed[dim]) / total) for dim in found
    )

"""Principal axes, not centred: what matters for cosines is length, and that is measured from the origin."""

import numpy as np
from numpy.typing import NDArray

from mrl_search.vectors import Vectors

Axes = NDArray[np.float64]
"""(m, D) float64, one direction a row, orthonormal."""

_ROWS = 4096


def second_moment(vectors: Vectors) -> NDArray[np.float64]:
    """Vᵀ·V of (n, D) float32 rows, (D, D) float64; the rows are not copied as a whole."""
    total = np.zeros((vectors.shape[1], vectors.shape[1]))
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS]
        total += block.T @ block  # in float32, which is three times as fast; the sums of blocks are not
    return total


def principal_axes(moment: NDArray[np.float64]) -> Axes:
    """The eigenvectors of a second moment (D, D), strongest first, with signs as `signed` sets them."""
    _, columns = np.linalg.eigh(moment)
    return signed(columns.T[::-1])


def orthonormal(rows: NDArray[np.float32]) -> Axes:
    """(m, D) float32 axes that are orthonormal to float32, made so to float64."""
    columns, triangle = np.linalg.qr(rows.T.astype(np.float64))
    return signed((columns * np.sign(np.diagonal(triangle))).T)


def signed(axes: Axes) -> Axes:
    """Each axis turned so that its largest coordinate is positive: an eigenvector's sign is an accident."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.where(largest < 0, -axes, axes)

"""What training changed in each matrix of weights, or how two trained ones differ."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mrl_search.geometry.moments import Reals
from mrl_search.geometry.spectrum import effective_rank, spectrum

_DIRECTIONS = 16


@dataclass(frozen=True)
class Matrix:
    """ΔW = W' − W of one matrix. change: ‖ΔW‖ / ‖W‖. rank: the effective rank of ΔW; full: the most it may be.

    angle: the largest of the principal angles, in degrees, between the 16 strongest directions of W and of W' in the
    narrower of its spaces, which is the residual stream's.
    """

    name: str
    change: float
    rank: float
    full: int
    angle: float


def matrices(first: Mapping[str, Reals], second: Mapping[str, Reals]) -> tuple[Matrix, ...]:
    """Every matrix of two models of one shape, in the model's order; what did not change is left out."""
    return tuple(
        _matrix(name, of, second[name]) for name, of in first.items() if of.ndim == 2 and (of != second[name]).any()
    )


def _matrix(name: str, of: Reals, after: Reals) -> Matrix:
    apart = after - of
    return Matrix(
        name=name,
        change=float(np.linalg.norm(apart) / np.linalg.norm(of)),
        rank=effective_rank(spectrum(_narrow(apart)).values),
        full=min(of.shape),
        angle=largest_angle(_strongest(of), _strongest(after)),
    )


def largest_angle(first: Reals, second: Reals) -> float:
    """In degrees, between the spaces that the columns of two matrices span (Björck & Golub 1973, by scipy)."""
    from scipy.linalg import subspace_angles

    return float(np.degrees(subspace_angles(first, second).max()))


def _strongest(of: Reals) -> Reals:
    return spectrum(_narrow(of)).axes[:, :_DIRECTIONS]


def _narrow(of: Reals) -> Reals:
    """W Wᵀ or Wᵀ W, the smaller: its eigenvalues are W's singular values squared, its axes those of that side."""
    wide = of.astype(np.float64)
    narrow: Reals = wide.T @ wide if wide.shape[0] > wide.shape[1] else wide @ wide.T
    return narrow

"""Rows that are others again: what neighbours are told of rows means nothing where the nearest of each is itself."""

import numpy as np
from numpy.typing import NDArray

from mrl_search.geometry.moments import Reals
from mrl_search.vectors import Vectors

SAME = 1e-5
"""Distance of rows of length 1 that are one: the same text in another batch comes out some 1e-6 away."""
MANY = 0.1
"""Of rows; where more than this coincide with another, hubs and intrinsic dims are not told."""
_KNOT = 10.0
_AT_ONCE = 512  # rows


def distinct(points: Vectors) -> NDArray[np.bool_]:
    """(n,): the rows that no earlier row is a copy of, of (n, d) rows of length 1 or 0.

    In float64, in which products tell distances to 1e-8; in float32 rows 3e-4 apart would look alike.
    """
    rows = points.astype(np.float64)
    squares = np.einsum("nd,nd->n", rows, rows)
    places = np.arange(len(rows))
    kept = np.ones(len(rows), np.bool_)
    for start in range(0, len(rows), _AT_ONCE):
        here, before = slice(start, start + _AT_ONCE), slice(0, start + _AT_ONCE)
        apart = squares[here, None] + squares[before] - 2 * (rows[here] @ rows[before].T)
        kept[here] = ~((apart <= SAME**2) & (places[before] < places[here, None])).any(axis=1)
    return kept


def tied(distances: Reals) -> int:
    """How many rows coincide with another; distances: (n, k), to the nearest others, the nearest first."""
    return int((distances[:, 0] <= SAME).sum())


def knotted(distances: Reals, dims: float) -> int:
    """How many rows have near-copies: k others or fewer of which one is ten times nearer than the next.

    0 where there are no more than a hundredth of the rows, or than chance makes: on a manifold of `dims` dims a row's
    nearest is ten times nearer than the next in 10^−dims of the rows (Facco et al. 2017, eq. 5); thrice that.
    """
    some = distances[distances[:, 0] > SAME]
    found = int((some[:, 1:] > _KNOT * some[:, :-1]).any(axis=1).sum())
    chance = 3 * _KNOT**-dims if np.isfinite(dims) else 0.0
    return found if found > len(distances) * max(0.01, chance) else 0

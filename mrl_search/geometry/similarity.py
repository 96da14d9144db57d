"""How alike two arrays of the same n texts are, whatever axes each is in."""

import numpy as np

from mrl_search.geometry.moments import Reals
from mrl_search.geometry.pairs import K, nearest_rows, overlap
from mrl_search.geometry.spectrum import dims_holding
from mrl_search.vectors import Vectors

_HELD = 0.99  # of the variance, that SVCCA keeps


def cka(first: Vectors, second: Vectors) -> float:
    """Linear CKA, debiased: 1 for the same cloud in other axes, about 0 for unrelated ones, however few the rows.

    Kornblith et al. 2019, eq. 2, of the unbiased HSIC (Song et al. 2012, eq. 5), as Nguyen et al. 2021, §3.1, take it:
    the biased one grows towards 1 as n falls below the dims. (n, D) and (n, E), n at least 4.
    """
    one, other = _gram(first), _gram(second)
    both = _hsic(one, one) * _hsic(other, other)
    return _hsic(one, other) / float(np.sqrt(both)) if both > 0 else float("nan")


def _gram(rows: Vectors) -> Reals:
    """(n, n) inner products of centred rows, 0 of a row with itself; centring changes no result, but what is lost."""
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    products: Reals = centred @ centred.T
    np.fill_diagonal(products, 0)
    return products


def _hsic(one: Reals, other: Reals) -> float:
    n = len(one)
    by_row, by_other = one.sum(axis=1), other.sum(axis=1)
    whole = np.vdot(one, other) + by_row.sum() * by_other.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * by_row @ by_other
    return float(whole) / (n * (n - 3))


def procrustes(first: Vectors, second: Vectors) -> float:
    """What is left of ‖X − Y Q‖² by the best orthogonal Q, both centred and of Frobenius norm 1: 0 … 2.

    2 − 2 ‖XᵀY‖ in the nuclear norm (Schönemann 1966; Ding et al. 2021, §2).
    """
    one, other = (_normed(rows) for rows in (first, second))
    return float(2 - 2 * np.linalg.svd(one.T @ other, compute_uv=False).sum())


def _normed(rows: Vectors) -> Reals:
    centred: Reals = rows - rows.mean(axis=0, dtype=np.float64)
    return centred / np.linalg.norm(centred)


def cca(first: Vectors, second: Vectors) -> float:
    """The mean canonical correlation of two arrays, of as many axes as the narrower has, on rows not fitted to.

    SVCCA (Raghu et al. 2017, §2.1): each is first cut to the principal axes that hold .99 of its variance. Fitted to
    the even rows; the mean is of the correlations of the odd rows along the fitted axes, since 0.3 or so come by chance
    where dims are a tenth of the rows that are fitted to.
    """
    (ours, ours_held), (theirs, theirs_held) = (_whitened(rows) for rows in (first, second))
    left, _, right = np.linalg.svd(ours.T @ theirs / len(ours), full_matrices=False)
    one, other = ours_held @ left, theirs_held @ right.T
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    lengths = np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0)
    return float(np.mean((one * other).sum(axis=0) / lengths))


def _whitened(rows: Vectors) -> tuple[Reals, Reals]:
    """The even rows along their principal axes, of variance 1 along each; and the odd ones, by the same map."""
    even, odd = rows[::2].astype(np.float64), rows[1::2].astype(np.float64)
    mean = even.mean(axis=0)
    _, sizes, axes = np.linalg.svd(even - mean, full_matrices=False)
    kept = dims_holding(np.square(sizes), _HELD)
    turn = axes[:kept].T / (sizes[:kept] / np.sqrt(len(even)))
    return (even - mean) @ turn, (odd - mean) @ turn


def shared_neighbours(first: Vectors, second: Vectors) -> float:
    """The mean share of a row's ten nearest others by one array that are among its ten nearest by the other."""
    return float(overlap(nearest_rows(first), nearest_rows(second), K).mean())

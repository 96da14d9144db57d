"""What takes all pairs of a sample: nearest rows, the order of all others, and how evenly rows lie on the sphere."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.geometry.moments import Reals
from mrl_search.hits import Rows
from mrl_search.vectors import Vectors

K = 10
"""Neighbours: of overlap and of hubness."""
NEAREST = 64
"""Neighbours of a row that are kept: of a random half of the rows nearly always 20 are among them."""
RANKED = 500
"""Rows whose whole order is compared, evenly over the sample, whose order may be the corpus's."""
_AT_ONCE = 512  # rows; with 5,000 others 10 MB of cosines


class Pairs(NamedTuple):
    """Of (n, d) rows. uniformity: (r,), of each redraw; see `pairs`.

    rows, distances: (n, k), of the nearest others, the nearest first. ranked: (q,), rows evenly over all, and ranks:
    (q, n), the place of each row by its cosine with each of them, about the mean place; 0 of itself.
    """

    uniformity: Reals
    rows: Rows
    distances: Reals
    ranked: Rows
    ranks: NDArray[np.float32]


def pairs(points: Vectors, weights: Reals, k: int = NEAREST) -> Pairs:
    """All pairs of different rows of length 1, in one pass that holds 512 rows' cosines at a time.

    uniformity is log E exp(−2 ‖x − y‖²), the lower the more evenly rows lie on the sphere (Wang & Isola 2020, §4.1.2,
    t = 2). Even rows have −4 in many dims and more in few: compare at equal widths. weights: (r, n), how often each
    row is drawn. k is n - 1 at most.
    """
    count = len(points)
    k = min(k, count - 1)
    sums = np.zeros(len(weights))
    drawn = weights.astype(np.float32).T  # (n, r)
    nearest, apart, ranks = [], [], []
    ranked = np.unique(np.linspace(0, count - 1, min(count, RANKED)).astype(np.int64))
    for start in range(0, count, _AT_ONCE):
        here = np.arange(start, min(start + _AT_ONCE, count))
        cosines = points[here] @ points.T
        ordered = ranked[(ranked >= start) & (ranked <= here[-1])]
        ranks.append(_ranks(cosines[ordered - start], ordered))
        cosines[here - start, here] = -np.inf
        rows, distances = _nearest(points, cosines, here, k)
        nearest.append(rows)
        apart.append(distances)
        kernel = np.exp(4 * cosines - 4, out=cosines)  # ‖x − y‖² = 2 − 2 cos; 0 of a row with itself
        sums += (drawn[here] * (kernel @ drawn)).sum(axis=0, dtype=np.float64)
    of_pairs = np.square(weights.sum(axis=1)) - np.square(weights).sum(axis=1)
    return Pairs(np.log(sums / of_pairs), np.concatenate(nearest), np.concatenate(apart), ranked, np.concatenate(ranks))


def nearest_rows(points: Vectors, k: int = K) -> Rows:
    """(n, k): the rows of the k others with the largest inner products, the nearest first."""
    count = len(points)
    found = []
    for start in range(0, count, _AT_ONCE):
        here = np.arange(start, min(start + _AT_ONCE, count))
        products = points[here] @ points.T
        products[here - start, here] = -np.inf
        rows = np.argpartition(products, count - k, axis=1)[:, -k:]
        order = np.argsort(-np.take_along_axis(products, rows, 1), axis=1, kind="stable")
        found.append(np.take_along_axis(rows, order, 1))
    return np.concatenate(found)


def _nearest(points: Vectors, cosines: NDArray[np.float32], here: NDArray[np.int64], k: int) -> tuple[Rows, Reals]:
    """The k rows of the largest cosines, by their distance, which is taken from the rows: of near copies a cosine says
    nothing."""
    rows = np.argpartition(cosines, cosines.shape[1] - k, axis=1)[:, -k:]
    apart = np.empty(rows.shape)
    for column in range(k):
        differences = points[rows[:, column]].astype(np.float64) - points[here]
        apart[:, column] = np.sqrt(np.einsum("nd,nd->n", differences, differences))
    order = np.lexsort((rows, apart), axis=1)
    return np.take_along_axis(rows, order, 1), np.take_along_axis(apart, order, 1)


def _ranks(cosines: NDArray[np.float32], here: NDArray[np.int64]) -> NDArray[np.float32]:
    """Ties stand in rows' order."""
    others = cosines.copy()
    others[np.arange(len(here)), here] = -np.inf  # itself is put first, and taken out again
    ranks = np.empty(others.shape, np.float32)
    places = np.arange(others.shape[1], dtype=np.float32) - others.shape[1] / 2  # 1 … n - 1, less their mean n / 2
    np.put_along_axis(ranks, np.argsort(others, axis=1, kind="stable"), places[None], axis=1)
    ranks[np.arange(len(here)), here] = 0
    return ranks


def alignment(first: Vectors, second: Vectors, weights: Reals) -> Reals:
    """(r,): the mean of ‖x − y‖² over (n, d) pairs of unit rows, in each redraw; 0 if all pairs coincide.

    Wang & Isola 2020, §4.1.1, α = 2. weights: (r, n).
    """
    apart = np.square(first - second, dtype=np.float64).sum(axis=1)
    means: Reals = weights @ apart / weights.sum(axis=1)
    return means


def overlap(rows: Rows, of: Rows, k: int = K) -> Reals:
    """(n,): the share of each row's k nearest by one array that are among its k nearest by another."""
    shared: Reals = (rows[:, :k, None] == of[:, None, :k]).any(axis=2).mean(axis=1)
    return shared


def rank_correlation(ranks: NDArray[np.float32], of: NDArray[np.float32], drawn: NDArray[np.bool_]) -> Reals:
    """(q,): Spearman's correlation of the orders in which two arrays put the other rows that are drawn.

    ranks, of: (q, n), as `Pairs` has them, of q rows that are drawn. drawn: (n,). Places among all rows stand for those
    among the drawn.
    """
    ours, theirs = ranks[:, drawn].astype(np.float64), of[:, drawn].astype(np.float64)
    count = ours.shape[1] - 1  # itself is 0 in both
    one, other = ours.sum(axis=1), theirs.sum(axis=1)
    shared = np.einsum("qn,qn->q", ours, theirs) - one * other / count
    squares = [np.einsum("qn,qn->q", each, each) - total**2 / count for each, total in ((ours, one), (theirs, other))]
    correlations: Reals = shared / np.sqrt(squares[0] * squares[1])
    return correlations


def nearest_drawn(found: Pairs, drawn: NDArray[np.bool_], k: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The neighbours of rows among the drawn alone: (n,), rows of which k are known, and (n, 64), which those are."""
    inside = drawn[found.rows]
    known = drawn & (inside.sum(axis=1) >= k)
    return known, inside & (inside.cumsum(axis=1) <= k)


def hubness(rows: Rows, count: int, k: int = K) -> float:
    """The skewness of how often each of `count` rows is among the k nearest of others; 0 without hubs.

    Radovanović et al. 2010, §3, S_{N_k}. Grows with the sample: compare at equal counts.
    """
    return skewness(occurrences(rows, count, k))


def occurrences(rows: Rows, count: int, k: int = K) -> Reals:
    """(count,): N_k, how often each row is among the k nearest of others."""
    return np.bincount(rows[:, :k].ravel(), minlength=count).astype(np.float64)


def skewness(values: Reals) -> float:
    """E (x − μ)³ / σ³, 0 where nothing varies."""
    apart = values - values.mean()
    spread = float(np.sqrt(np.square(apart).mean()))
    return float((apart**3).mean()) / spread**3 if spread else 0.0

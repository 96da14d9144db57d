"""Means and second moments of every prefix, from one pass over the rows, in groups that a bootstrap redraws."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.vectors import Vectors

Reals = NDArray[np.float64]
GROUPS = 32
"""Of rows at random: a redraw adds up matrices of groups instead of reading all rows again."""


class Moments(NamedTuple):
    """Of an (n, d) array: mean (d,) and covariance (d, d), divided by n; no measure here depends on its scale."""

    mean: Reals
    covariance: Reals

    @property
    def second(self) -> Reals:
        """(d, d): the mean of x xᵀ."""
        return self.covariance + np.outer(self.mean, self.mean)


class Groups(NamedTuple):
    """Sums over each of g groups of rows: counts (g,), and, of y = x − about, sums (g, d) and products y yᵀ (g, d, d).

    about: (d,), the mean of the first group. Of a dim whose mean is large beside its deviation, float32 would otherwise
    leave little of the covariance.
    """

    about: NDArray[np.float32]
    counts: NDArray[np.float32]
    sums: NDArray[np.float32]
    products: NDArray[np.float32]

    def moments(self, weights: NDArray[np.float32] | None = None) -> Moments:
        """Of all rows; or of a redraw, (g,) of how often each group stands in it."""
        weights = np.ones(len(self.counts), np.float32) if weights is None else weights
        count, dim = float(weights @ self.counts), self.sums.shape[1]
        mean = (weights @ self.sums).astype(np.float64) / count
        second = (weights @ self.products.reshape(len(weights), -1)).reshape(dim, dim).astype(np.float64) / count
        return Moments(self.about + mean, second - np.outer(mean, mean))


def moments(points: NDArray[np.floating[Any]]) -> Moments:
    """Of an (n, d) array as it stands, in float64: what `grouped` is checked against."""
    rows = np.asarray(points, np.float64)
    return Moments(rows.mean(axis=0), np.cov(rows.T, bias=True).reshape(rows.shape[1], -1))


def grouped(vectors: Vectors, dims: Sequence[int], seed: int = 0) -> dict[int, Groups]:
    """Sums of the re-normalised prefixes of (n, D) rows at each width; every row is read once, for all widths.

    Prefixes are scaled anew at every width, so that no width's sums follow from another's. Rows are put into groups at
    random, lest a corpus in order make groups differ. Sums of a group are float32, of a few thousand rows at most
    a hundred thousand. Holds GROUPS · Σ d² floats, 130 MB at all powers of two up to 768.
    """
    order = np.random.default_rng(seed).permutation(len(vectors))
    parts = [part for part in np.array_split(order, GROUPS) if len(part)]
    found = {
        dim: Groups(
            np.zeros(dim, np.float32),
            np.array([len(part) for part in parts], np.float32),
            np.empty((len(parts), dim), np.float32),
            np.empty((len(parts), dim, dim), np.float32),
        )
        for dim in dims
    }
    for place, part in enumerate(parts):
        block = vectors[np.sort(part)]
        for dim, inverse in zip(dims, _inverse_lengths(block, dims), strict=True):
            rows = block[:, :dim] * inverse[:, None]
            if place == 0:
                found[dim].about[:] = rows.mean(axis=0)
            rows -= found[dim].about
            found[dim].sums[place] = rows.sum(axis=0)
            np.matmul(rows.T, rows, out=found[dim].products[place])
    return found


def _inverse_lengths(block: Vectors, dims: Sequence[int]) -> NDArray[np.float32]:
    """(w, n): one over the length of each row's prefix at each width; 0 of a prefix of zeros."""
    begins = np.array([0, *dims[:-1]])
    squares: NDArray[np.float32] = np.add.reduceat(np.square(block[:, : dims[-1]]), begins, axis=1).cumsum(axis=1).T
    inverse: NDArray[np.float32] = np.divide(1, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)
    return inverse

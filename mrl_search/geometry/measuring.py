"""Every measure of one array at every width, with its redraws."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mrl_search.geometry.copies import MANY, knotted, tied
from mrl_search.geometry.intrinsic import levina_bickel, two_nn
from mrl_search.geometry.isotropy import average_cosine, centred, correlation, isoscore, participation_ratio
from mrl_search.geometry.moments import Moments, Reals, grouped
from mrl_search.geometry.pairs import (
    K,
    Pairs,
    alignment,
    nearest_drawn,
    occurrences,
    overlap,
    pairs,
    rank_correlation,
    skewness,
)
from mrl_search.geometry.redraws import rows_of, weights
from mrl_search.geometry.spectrum import collapsed, dims_holding, effective_rank, spectrum
from mrl_search.vectors import Vectors, prefix

ISOSCORE, UNIFORMITY, CORRELATION = "isoscore", "uniformity", "correlation"
PARTICIPATION, RANK, RANKME = "participation ratio", "effective rank", "rankme"
COSINE, CENTRED, ALIGNMENT = "cosine", "cosine centred", "alignment"
TWO_NN, MLE, HUBNESS = "intrinsic two-nn", "intrinsic mle", "hubness"
OVERLAP, ORDER = "overlap@10", "rank correlation"

Redrawn: TypeAlias = dict[tuple[str, int], Reals]
"""(measure, width) → (1 + REDRAWN,), of ranks (1 + _DECOMPOSED,): its value, and that of each redraw."""
_DECOMPOSED = 20  # redraws whose eigenvalues are taken: a tenth of a second each at 768 dims
_NEIGHBOURS = 20  # as many as scikit-dimension's MLE takes


@dataclass(frozen=True)
class Collapse:
    """At one width: principal axes that hold .9 and .99 of the variance, and those in which nothing varies."""

    dim: int
    of_90: int
    of_99: int
    collapsed: int


class Spread(NamedTuple):
    """What moments tell. full: of the widest; spectrum: its eigenvalues of the covariance, as shares of their sum."""

    redrawn: Redrawn
    collapse: list[Collapse]
    full: Moments
    spectrum: Reals


def spread(vectors: Vectors, dims: Sequence[int]) -> Spread:
    """All that covariances tell of (n, D) rows' prefixes, each at unit length; dims grow."""
    groups = grouped(vectors, dims)
    drawn = weights(len(groups[dims[0]].counts)).astype(np.float32)
    redrawn: Redrawn = {}
    collapse = []
    for dim in dims:
        of = groups[dim]
        told = {ISOSCORE: isoscore, PARTICIPATION: participation_ratio, CORRELATION: correlation}
        values = np.array([[measure(each) for measure in told.values()] for each in map(of.moments, drawn)])
        redrawn |= {(name, dim): values[:, column] for column, name in enumerate(told)}
        whole = of.moments()
        axes, raw = spectrum(whole.covariance), spectrum(whole.second)
        halves = [of.moments(each) for each in drawn[1 : 1 + _DECOMPOSED]]
        ranks = [(axes, raw), *((spectrum(each.covariance), spectrum(each.second)) for each in halves)]
        for place, name in enumerate((RANK, RANKME)):
            redrawn[name, dim] = np.array([effective_rank(each[place].values) for each in ranks])
        told_of = (dims_holding(axes.values, 0.9), dims_holding(axes.values, 0.99), collapsed(axes.values))
        collapse.append(Collapse(dim, *told_of))
    return Spread(redrawn, collapse, whole, axes.values / (axes.values.sum() or 1.0))


class Neighbourhood(NamedTuple):
    """What pairs tell. ties: at each width, how many rows coincide with another; knots: rows with near-copies."""

    redrawn: Redrawn
    ties: dict[int, int]
    knots: int


def neighbourhood(sample: Vectors, dims: Sequence[int]) -> Neighbourhood:
    """All that pairs of different rows tell, at each width of (n, D) rows; dims grow, and the last is compared with.

    A redraw is half of the rows, with their neighbours among these; of two-nn and hubness, neighbours stay those among
    all, since halves of a few thousand rows tell of these too wide an interval and too narrow a one. Where a tenth of
    the rows coincide with another, hubness and intrinsic dims are NaN: who is nearest is chance.
    """
    drawn = weights(len(sample))
    halves = drawn > 0
    redrawn: Redrawn = {}
    ties: dict[int, int] = {}
    found: dict[int, Pairs] = {}
    for dim in dims:
        points = prefix(sample, dim)
        found[dim] = told = pairs(points, drawn)
        redrawn[UNIFORMITY, dim] = told.uniformity
        redrawn[COSINE, dim] = average_cosine(points, drawn)
        redrawn[CENTRED, dim] = average_cosine(centred(points), drawn)
        of_rows = occurrences(told.rows, len(sample), K)
        ties[dim] = tied(told.distances)
        known = 1.0 if ties[dim] <= MANY * len(sample) else float("nan")
        redrawn[TWO_NN, dim] = known * np.array([two_nn(told.distances[rows]) for rows in map(rows_of, drawn)])
        redrawn[HUBNESS, dim] = known * np.array([skewness(of_rows[rows]) for rows in map(rows_of, drawn)])
        redrawn[MLE, dim] = known * np.array([_mle(told, half) for half in halves])
    widest = found[dims[-1]]
    for dim in dims:
        redrawn[OVERLAP, dim] = np.array([_overlap(found[dim], widest, half) for half in halves])
        redrawn[ORDER, dim] = np.array([_order(found[dim], widest, half) for half in halves])
    return Neighbourhood(redrawn, ties, knotted(widest.distances[:, :_NEIGHBOURS], float(redrawn[MLE, dims[-1]][0])))


def _mle(found: Pairs, drawn: NDArray[np.bool_]) -> float:
    rows, near = nearest_drawn(found, drawn, _NEIGHBOURS)
    return levina_bickel(found.distances[rows][near[rows]].reshape(-1, _NEIGHBOURS))


def _overlap(found: Pairs, widest: Pairs, drawn: NDArray[np.bool_]) -> float:
    (known, near), (also, widely) = (nearest_drawn(each, drawn, K) for each in (found, widest))
    rows = known & also
    ours, theirs = (each.rows[rows][there[rows]].reshape(-1, K) for each, there in ((found, near), (widest, widely)))
    return float(overlap(ours, theirs, K).mean())


def _order(found: Pairs, widest: Pairs, drawn: NDArray[np.bool_]) -> float:
    asked = drawn[found.ranked]
    return float(rank_correlation(found.ranks[asked], widest.ranks[asked], drawn).mean())


def aligned_pairs(first: Vectors, second: Vectors, dims: Sequence[int]) -> Redrawn:
    """Alignment at each width of (n, D) pairs that belong together, pairs redrawn."""
    drawn = weights(len(first))
    return {(ALIGNMENT, dim): alignment(prefix(first, dim), prefix(second, dim), drawn) for dim in dims}

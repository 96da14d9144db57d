"""How many candidates more documents will need: from what thinner ones of the same do, by a power law."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mrl_search.eval import PERCENTILES, Estimate
from mrl_search.tuning.asked import Lists, ranks

TIMES = (2, 4, 10)
"""Times the documents that there are."""
_HALVINGS = 4
_LEAST = 500  # documents
_DRAWS, _RESAMPLES = 3, 400
_SEED = 0
_Ranks = NDArray[np.float64]


@dataclass(frozen=True)
class Ahead:
    """Candidates by the exact prefix of `dim` dims that hold the target's share of the answers.

    documents, needed: as measured, ascending; those at fewer documents on random thinnings of the index.
    power: needed grows like documents to this power. expected: at TIMES as many, with 95 % intervals over the queries
    alone: that the law holds is assumed.
    """

    dim: int
    target: float
    documents: tuple[int, ...]
    needed: tuple[float, ...]
    power: Estimate
    times: tuple[int, ...]
    expected: tuple[Estimate, ...]


def look_ahead(found: Lists, dim: int, target: float, times: Sequence[int] = TIMES) -> Ahead | None:
    """Measures and extrapolates; None where the lists are too short to tell at two sizes or more.

    A document that is left out leaves every list, so one exact search tells of all smaller collections: the answers
    are the first of the full width's list that stay, and their places count what stays before them.
    """
    random = np.random.default_rng(_SEED)
    places: dict[int, list[_Ranks]] = {found.documents: [found.ranks(dim)]}
    for halving in range(1, _HALVINGS + 1):
        size = found.documents >> halving
        if size >= _LEAST:
            places[size] = [_thinned(found, dim, random.random(found.documents) < 0.5**halving) for _ in range(_DRAWS)]
    sizes, needed = [], []
    for size in sorted(places):
        value = _needed(places[size], target)
        if np.isfinite(value):
            sizes.append(size)
            needed.append(value)
    if len(sizes) < 2 or sizes[-1] != found.documents:
        return None
    measured = [places[size] for size in sizes]
    count = len(found.true)
    drawn = []
    for _ in range(_RESAMPLES):
        some = random.integers(count, size=count)
        drawn.append(_law(sizes, [_needed([draw[some] for draw in draws], target) for draws in measured], times))
    lows, highs = np.nanpercentile(np.array(drawn), PERCENTILES, axis=0)
    told = zip(_law(sizes, needed, times), lows.tolist(), highs.tolist(), strict=True)
    power, *expected = (Estimate(*(round(float(one), 3) for one in estimate)) for estimate in told)
    return Ahead(
        dim, target, tuple(sizes), tuple(round(one, 1) for one in needed), power, tuple(times), tuple(expected)
    )


def _thinned(found: Lists, dim: int, stays: NDArray[np.bool_]) -> _Ranks:
    """(q, k): places among what stays; NaN for all of a query whose list is too short to know its answers."""
    full, by_prefix = found.by[max(found.by)], found.by[dim]
    known = stays[full]  # (q, depth)
    enough = known.sum(axis=1) >= found.k
    first = np.argsort(~known, axis=1, kind="stable")[:, : found.k]
    places = ranks(np.take_along_axis(full, first, axis=1), by_prefix)
    among = np.cumsum(stays[by_prefix], axis=1)
    inside = np.isfinite(places)
    at = np.where(inside, places, 1).astype(np.int64) - 1
    thinned = np.where(inside, np.take_along_axis(among, at, axis=1), np.inf)
    return np.where(enough[:, None], thinned, np.nan)


def _needed(draws: Sequence[_Ranks], target: float) -> float:
    """The fewest places that hold the target's share of all answers, geometric mean over draws; infinity if unknown."""
    found = []
    for places in draws:
        known = np.sort(places[~np.isnan(places)])
        wanted = int(np.ceil(target * len(known)))
        found.append(known[wanted - 1] if wanted else np.inf)
    return float(np.exp(np.log(found).mean()))


def _law(sizes: Sequence[int], needed: Sequence[float], times: Sequence[int]) -> list[float]:
    """The power by least squares of the logarithms, then what is needed at so many times the last size, from it on."""
    x, y = np.log(np.asarray(sizes, np.float64)), np.log(np.asarray(needed, np.float64))
    if not np.isfinite(y).all():
        return [np.nan] * (1 + len(times))
    x -= x.mean()
    power = float(x @ y / (x @ x))
    return [power, *(float(needed[-1]) * factor**power for factor in times)]

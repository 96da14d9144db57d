"""Funnels over one prefix index, from fast to accurate: what each keeps, how long it takes."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mrl_search.eval import Estimate, intervals
from mrl_search.funnel import Funnel, Stage
from mrl_search.indexes import VectorIndex
from mrl_search.retriever import search
from mrl_search.rotation import Rotation
from mrl_search.tuning.asked import Asked, Lists, shares, surely

_FEW = 200  # queries that find out where to look with all
_STEP = 1.15  # from one count of candidates to the next
_SHARES = (1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)  # of the cells
_UNSEEN = -math.log(0.025)  # queries that lose all where none was seen to, 97.5 % sure; resamples of ones are ones
_TIMED, _WARM_UP, _ROUNDS = 100, 5, 3


@dataclass(frozen=True)
class Point:
    """A funnel over a prefix index of this factory, looking into so many cells (None where there are none).

    recall: of the exact k best, with its 95 % bootstrap interval over the queries. Times are of single queries, from
    the encoded vector to rows. ram_bytes_per_document: of the prefix index.
    """

    prefix: str
    probes: int | None
    funnel: str
    recall: Estimate
    latency_ms_p50: float
    latency_ms_p95: float
    ram_bytes_per_document: float


class Bench:
    """Measures funnels over one index by the same queries. rotation: what single queries go through, in their time."""

    def __init__(self, index: VectorIndex, prefix: str, asked: Asked, found: Lists, rotation: Rotation | None) -> None:
        self.index = index
        self.prefix = prefix
        self._asked, self._found, self._rotation = asked, found, rotation
        self._few = asked.some(_FEW)

    def candidates(self, target: float) -> Iterator[tuple[int | None, int]]:
        """(probes, the fewest candidates that surely hold the target's share) for every number of cells that can.

        Only shortlists are made: at full width the answers outrank all else, so what is listed is what is found.
        """
        dim = self.index.prefix_dim
        least = self._found.k
        counts = _ladder(least, max(least, self._found.depth))
        for probes in self._probes():
            index = self._looking_into(probes)

            def enough(count: int, asked: Asked, index: VectorIndex = index) -> bool:
                rows = index.shortlist(asked.vectors, Stage(dim, count + asked.extra), in_order=False).rows
                held = shares(self._found.true[: len(rows)], asked.without_own(rows))
                return (surely(held) if asked is self._asked else float(held.mean())) >= target

            place = _first(counts, lambda count: enough(count, self._few), 0)
            place = None if place is None else _first(counts, lambda count: enough(count, self._asked), place)
            if place is not None:
                yield probes, counts[place]

    def points(self, walks: Sequence[tuple[int | None, Funnel]]) -> list[Point]:
        """What whole searches by (probes, funnel) keep; not timed yet. All intervals are of the same draws."""
        if not walks:
            return []
        kept = np.stack([self.kept(probes, funnel) for probes, funnel in walks])
        ram = round(self.index.prefix_bytes / len(self.index), 1)
        told = zip(walks, kept.mean(axis=1).tolist(), intervals(kept), strict=True)
        unseen = _UNSEEN / kept.shape[1]
        points = []
        for (probes, funnel), mean, (low, high) in told:
            surely_all = funnel.stages[0].dim == self.index.dim  # everything is compared
            recall = Estimate(*(round(one, 5) for one in (mean, low if surely_all else min(low, 1 - unseen), high)))
            points.append(Point(self.prefix, probes, str(funnel), recall, 0.0, 0.0, ram))
        return points

    def kept(self, probes: int | None, funnel: Funnel) -> NDArray[np.float64]:
        """(q,): the share of each query's answers that the funnel gives."""
        asked, index = self._asked, self._looking_into(probes)
        wider = Funnel(tuple(Stage(stage.dim, stage.k + asked.extra) for stage in funnel.stages))
        rows = asked.without_own(search(index, asked.vectors, wider).rows)
        return shares(self._found.true, rows[:, : self._found.k])

    def seconds(self, point: Point, count: int = _TIMED) -> NDArray[np.float64]:
        """(count,) seconds of single queries, one after another, after a few to warm up."""
        index = self._looking_into(point.probes)
        funnel = Funnel.parse(point.funnel)
        queries = self._asked.vectors[:count]
        taken = np.empty(len(queries))
        for query in range(min(_WARM_UP, len(queries))):
            search(index, queries[query : query + 1], funnel)
        for query in range(len(queries)):
            start = time.perf_counter()
            one = queries[query : query + 1]
            search(index, one if self._rotation is None else self._rotation.apply(one), funnel)
            taken[query] = time.perf_counter() - start
        return taken

    def _looking_into(self, probes: int | None) -> VectorIndex:
        return self.index if probes is None else self.index.with_probes(probes)

    def _probes(self) -> list[int | None]:
        cells = self.index.cells
        if cells == 1:
            return [None]
        return [*sorted({max(1, round(cells * share)) for share in _SHARES})]


def timed(points: Sequence[tuple[Bench, Point]], count: int = _TIMED) -> list[tuple[Bench, Point]]:
    """The points with their times; all in turn, three times over, so that a busy machine slows all alike. The fastest
    round counts: it was disturbed least."""
    rounds = [[bench.seconds(point, count) for bench, point in points] for _ in range(_ROUNDS)]
    found = []
    for place, (bench, point) in enumerate(points):
        best = min((taken[place] for taken in rounds), key=lambda taken: float(np.median(taken)))
        p50, p95 = (round(1000 * float(value), 4) for value in np.percentile(best, [50, 95]))
        found.append((bench, replace(point, latency_ms_p50=p50, latency_ms_p95=p95)))
    return found


def _ladder(least: int, most: int) -> list[int]:
    """Counts from the least to the most, each 1.15 times the one before, rounded up."""
    counts = [least]
    while counts[-1] < most:
        counts.append(min(most, max(counts[-1] + 1, round(counts[-1] * _STEP))))
    return counts


def _first(counts: Sequence[int], enough: Callable[[int], bool], start: int) -> int | None:
    """The place, from `start` on, of the first count that is enough, more being no worse; None if none is.

    Looks at the start, then doubles its steps, then halves them.
    """
    below, place, step = start - 1, start, 1
    while not enough(counts[place]):
        if place == len(counts) - 1:
            return None
        below, place, step = place, min(place + step, len(counts) - 1), 2 * step
    while place - below > 1:
        middle = (below + place) // 2
        below, place = (below, middle) if enough(counts[middle]) else (middle, place)
    return place

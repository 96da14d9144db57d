"""What a query costs, measured."""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from mrl_search.eval.report import Cost
from mrl_search.funnel import Funnel
from mrl_search.hits import Hits
from mrl_search.indexes import VectorIndex
from mrl_search.retriever import search
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors

_ROUNDS = (50, 100, 200)  # queries timed one at a time: no more than the first few where these have told the median
_WITHIN = 0.05  # of the median, that its 95 % interval may reach from it
_WARM_UP = 5
_FEWEST, _LONGEST = 20, 10.0  # queries, and seconds after which no more than those are timed
_T = TypeVar("_T")


class Times(NamedTuple):
    """Of queries one at a time, in ms, and queries a second of all at once."""

    latency_ms_p50: float
    latency_ms_p95: float
    latency_ms_p99: float
    latency_ms_mean: float
    queries_per_second: float


def timed(answer: Callable[[int, int], _T], count: int, after: Callable[[], None] = lambda: None) -> tuple[Times, _T]:
    """What `count` queries take one at a time, and all at once; and what they found all at once.

    answer: takes the queries first … last - 1. Five are asked before, to warm up. after: called after each single one
    was timed. Single ones are timed until their median is known to 5 %, 50 to 200 of them; twenty where they take long.
    """
    for query in range(min(count, _WARM_UP)):
        answer(query, query + 1)
    latencies_ms: list[float] = []
    for query in range(min(count, _ROUNDS[-1])):
        if len(latencies_ms) >= _FEWEST and sum(latencies_ms) > 1000 * _LONGEST:
            break
        if len(latencies_ms) in _ROUNDS and _is_known(latencies_ms):
            break
        start = time.perf_counter()
        answer(query, query + 1)
        latencies_ms.append(1000 * (time.perf_counter() - start))
        after()
    start = time.perf_counter()
    found = answer(0, count)
    seconds = time.perf_counter() - start
    p50, p95, p99 = (round(value, 4) for value in np.percentile(latencies_ms, [50, 95, 99]).tolist())
    return Times(p50, p95, p99, round(float(np.mean(latencies_ms)), 4), round(count / seconds, 1)), found


def _is_known(latencies_ms: Sequence[float]) -> bool:
    """Whether the median's 95 % interval, by the binomial distribution of ranks, lies within 5 % of it."""
    ordered = sorted(latencies_ms)
    middle, reach = len(ordered) / 2, 0.98 * math.sqrt(len(ordered))
    low, median, high = (ordered[int(rank)] for rank in (middle - reach, middle, middle + reach))
    return max(high - median, median - low) <= _WITHIN * median


def measured(
    index: VectorIndex, queries: Vectors, funnel: Funnel, rotation: Rotation | None = None
) -> tuple[Hits, Cost]:
    """What the (q, D) queries find, and what they cost; times as `timed`.

    queries: as they are encoded. The rotation, which each of them goes through, is in the times and multiply-adds.
    Where vectors in a large file are let go of, each query maps the pages it reads anew, which is in its time.
    """

    def answer(first: int, last: int) -> Hits:
        some = queries[first:last]
        return search(index, some if rotation is None else rotation.apply(some), funnel)

    times, found = timed(answer, len(queries), index.let_go)
    prefix_bytes = index.prefix_bytes
    reads_vectors = len(funnel.stages) > 1 or not prefix_bytes
    cost = Cost(
        macs_per_query=funnel.macs(len(index)) + (rotation.macs if rotation is not None else 0),
        **times._asdict(),
        ram_bytes_per_document=round(prefix_bytes / len(index), 1),
        disk_bytes_per_document=(index.vector_bytes + index.sketch_bytes) / len(index) if reads_vectors else 0.0,
        device=index.where,
        ram_bytes=rotation.matrix.nbytes if rotation is not None else 0,
    )
    return found, cost

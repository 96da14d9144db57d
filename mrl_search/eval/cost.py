"""What a query costs, measured."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mrl_search.eval.report import Cost
from mrl_search.funnel import Funnel
from mrl_search.indexes import VectorIndex
from mrl_search.retriever import search
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors

_TIMED = 200
_WARM_UP = 5
_FEWEST, _LONGEST = 20, 10.0  # queries, and seconds after which no more than those are timed


class Times(NamedTuple):
    """Of queries one at a time, in ms, and queries a second of all at once."""

    latency_ms_p50: float
    latency_ms_p95: float
    latency_ms_p99: float
    latency_ms_mean: float
    queries_per_second: float


def timed(answer: Callable[[int, int], object], count: int, after: Callable[[], None] = lambda: None) -> Times:
    """Up to 200 of `count` queries one at a time, twenty where they take long, then all of them at once.

    answer: takes the queries first … last - 1. Five are asked before, to warm up. after: called after each single one
    was timed.
    """
    for query in range(min(count, _WARM_UP)):
        answer(query, query + 1)
    latencies_ms: list[float] = []
    for query in range(min(count, _TIMED)):
        if len(latencies_ms) >= _FEWEST and sum(latencies_ms) > 1000 * _LONGEST:
            break
        start = time.perf_counter()
        answer(query, query + 1)
        latencies_ms.append(1000 * (time.perf_counter() - start))
        after()
    start = time.perf_counter()
    answer(0, count)
    seconds = time.perf_counter() - start
    p50, p95, p99 = (round(value, 4) for value in np.percentile(latencies_ms, [50, 95, 99]).tolist())
    return Times(p50, p95, p99, round(float(np.mean(latencies_ms)), 4), round(count / seconds, 1))


def measured_cost(index: VectorIndex, queries: Vectors, funnel: Funnel, rotation: Rotation | None = None) -> Cost:
    """What the (q, D) queries cost; times as `timed`.

    queries: as they are encoded. The rotation, which each of them goes through, is in the times and multiply-adds.
    Where vectors in a large file are let go of, each query maps the pages it reads anew, which is in its time.
    """

    def answer(first: int, last: int) -> None:
        some = queries[first:last]
        search(index, some if rotation is None else rotation.apply(some), funnel)

    times, prefix_bytes = timed(answer, len(queries), index.let_go), index.prefix_bytes
    reads_vectors = len(funnel.stages) > 1 or not prefix_bytes
    return Cost(
        macs_per_query=funnel.macs(len(index)) + (rotation.macs if rotation is not None else 0),
        **times._asdict(),
        ram_bytes_per_document=round(prefix_bytes / len(index), 1),
        disk_bytes_per_document=(index.vector_bytes + index.sketch_bytes) / len(index) if reads_vectors else 0.0,
        device=index.where,
        ram_bytes=rotation.matrix.nbytes if rotation is not None else 0,
    )

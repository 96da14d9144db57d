"""What a query costs, measured."""

import time

import numpy as np

from mrl_search.eval.report import Cost
from mrl_search.funnel import Funnel
from mrl_search.indexes import VectorIndex
from mrl_search.retriever import search
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors

_TIMED = 200
_WARM_UP = 5


def measured_cost(index: VectorIndex, queries: Vectors, funnel: Funnel, rotation: Rotation | None = None) -> Cost:
    """Times up to 200 of the (q, D) queries one at a time, after five to warm up; then all of them at once.

    queries: as they are encoded. The rotation, which each of them goes through, is in every figure but the disk's.
    """

    def answer(some: Vectors) -> None:
        search(index, some if rotation is None else rotation.apply(some), funnel)

    for query in queries[:_WARM_UP]:
        answer(query[np.newaxis])
    latencies_ms = []
    for query in queries[:_TIMED]:
        start = time.perf_counter()
        answer(query[np.newaxis])
        latencies_ms.append(1000 * (time.perf_counter() - start))
    start = time.perf_counter()
    answer(queries)
    seconds = time.perf_counter() - start
    reads_vectors = len(funnel.stages) > 1 or not index.prefix_bytes
    turning, turning_bytes = (0, 0) if rotation is None else (rotation.macs, rotation.matrix.nbytes)
    p50, p95 = np.percentile(latencies_ms, [50, 95])
    return Cost(
        macs_per_query=funnel.macs(len(index)) + turning,
        latency_ms_p50=round(float(p50), 4),
        latency_ms_p95=round(float(p95), 4),
        queries_per_second=round(len(queries) / seconds, 1),
        ram_bytes_per_document=round((index.prefix_bytes + turning_bytes) / len(index), 1),
        disk_bytes_per_document=4.0 * index.dim + index.sketch_bytes / len(index) if reads_vectors else 0.0,
        device="cpu",
    )

"""One method at all its settings: recall, latency in one thread, throughput in several."""

import gc
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from search.data import Data, K, cache_folder

_WARM_UP = 50  # queries
_PASSES, _SHORTEST = 3, 4.0  # passes over all queries, and seconds of them, at least; the fastest counts
_ROUNDS = 2  # over all settings: on a shared machine others are busy for minutes, and the faster round counts
_ENOUGH = 0.997  # recall at which a method's grid is left
_ONE_THREAD = 1.3  # CPU seconds per second, above which it was not one thread


@dataclass(frozen=True)
class Point:
    """One setting. Latencies of single queries in one thread; qps_1 is 1 / mean, qps_n of batches in all threads."""

    setting: dict[str, float]
    recall: float
    p50_us: float
    mean_us: float
    p95_us: float
    qps_1: float
    qps_n: float
    cpu_per_wall: float


@dataclass
class Measured:
    """Everything that is published of one method."""

    build_s: float
    ram_bytes_per_doc: float
    disk_bytes_per_doc: float
    points: list[Point] = field(default_factory=list)


def measure(method, data: Data, threads: int) -> Measured:
    """Builds, climbs the settings until the recall is enough, and lets go of all memory and files."""
    gc.collect()
    for left in cache_folder().glob("peer-*"):  # of a run that was killed
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="peer-") as folder:
        start = time.perf_counter()
        method.build(data.documents, Path(folder), threads)
        seconds = time.perf_counter() - start
        count = len(data.documents)
        measured = Measured(seconds, *(size / count for size in method.sizes()))
        _tell(method, f"built in {seconds:.1f} s, {measured.ram_bytes_per_doc:.0f} B/doc")
        for setting in method.settings():
            point = _point(method, setting, data, threads)
            measured.points.append(point)
            _tell_of(method, point)
            if point.recall >= _ENOUGH:
                break
        for _ in range(1, _ROUNDS):
            for place, point in enumerate(measured.points):
                again = _point(method, point.setting, data, threads)
                _tell_of(method, again)
                faster = min(point, again, key=lambda one: one.mean_us)
                measured.points[place] = replace(faster, qps_n=max(point.qps_n, again.qps_n))
        vars(method).clear()
    gc.collect()
    return measured


def _tell_of(method, point):
    _tell(method, f"{label(point.setting)}: recall {point.recall:.4f}, {point.p50_us:.0f} µs, {point.qps_n:.0f} QPS")


def label(setting) -> str:
    return " ".join(f"{name}={value:g}" for name, value in setting.items())


def _point(method, setting, data: Data, threads: int) -> Point:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # numpy's products; each method sees to its own threads
        search = method.one(K, setting)
        for query in data.queries[:_WARM_UP]:
            search(query)
        passes = [_one_by_one(search, data.queries)]
        while len(passes) < _PASSES or sum(timed[0].sum() for timed in passes) < 1e6 * _SHORTEST:
            passes.append(_one_by_one(search, data.queries))
    microseconds, rows, cpu_per_wall = min(passes, key=lambda timed: timed[0].mean())
    if cpu_per_wall > _ONE_THREAD:
        _tell(method, f"WARNING: {label(setting)}: {cpu_per_wall:.2f} CPU s/s in what should be one thread")
    qps, rows_of_batch = _batches(method.batch(K, setting, threads), data.queries)
    found = recall(rows, data)
    if recall(rows_of_batch, data) < found - 0.005:
        _tell(method, f"WARNING: {label(setting)}: a batch finds less, recall {recall(rows_of_batch, data):.4f}")
    mean = float(microseconds.mean())
    p50, p95 = np.percentile(microseconds, [50, 95]).tolist()
    return Point(dict(setting), found, p50, mean, p95, 1e6 / mean, qps, cpu_per_wall)


def _one_by_one(search, queries):
    """(microseconds of each query, rows of each, CPU seconds per second)."""
    clock = time.perf_counter
    taken, rows = np.empty(len(queries)), []
    begun, cpu = clock(), time.process_time()
    for number, query in enumerate(queries):
        start = clock()
        found = search(query)
        taken[number] = clock() - start
        rows.append(found)
    return taken * 1e6, rows, (time.process_time() - cpu) / (clock() - begun)


def _batches(search, queries):
    """(queries a second of the fastest batch, its rows)."""
    taken = []
    while len(taken) < _PASSES or sum(taken) < _SHORTEST:
        start = time.perf_counter()
        rows = search(queries)
        taken.append(time.perf_counter() - start)
    return len(queries) / min(taken), rows


def recall(rows, data: Data) -> float:
    """The share of the K places filled with a document as close as the exact K-th; so equal vectors are equally right.

    rows: for each query at most K; missing ones, and -1, are misses.
    """
    found = np.full((len(data.queries), K), -1, np.int64)
    for query, given in enumerate(rows):
        given = np.asarray(given).astype(np.int64)[:K]
        found[query, : len(given)] = given
    wanted = _scores(data.truth, data).min(axis=1, keepdims=True)
    close = _scores(found, data) >= wanted - 1e-6  # the same sum for the same row; this is for equal vectors
    return float((close & (found >= 0)).mean())


def _scores(rows, data: Data):
    return np.einsum("qd,qkd->qk", data.queries, data.documents[rows])


def _tell(method, text):
    print(f"{method.name}: {text}", file=sys.stderr, flush=True)

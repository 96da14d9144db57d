"""The one way scores are computed that decide an order: from the stored rows, by the compiled kernel."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise

import numpy as np

from mrl_search.hits import Hits, Rows, Sums
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

_WORTH_A_THREAD = 8  # queries; starting a thread takes as long as two or three of them
_NO_SUMS = Sums(0, np.empty((0, 0), np.float32), np.empty((0, 0), np.float32))


def scored(vectors: StoredVectors, queries: Vectors, rows: Rows, dim: int, k: int, sums: Sums | None = None) -> Hits:
    """The k best of each query's rows by the cosine of the first `dim` coordinates.

    queries: (q, ≥ dim). rows: (q, m), below 0 for none, none twice in a line.
    sums: of the same rows, at a width that is not beyond dim.
    The score of a row is the same, bit for bit, in whatever company and after whatever stages: copies tie.
    """
    from mrl_search.indexes.kernels import STEP, rescore

    # a sum goes on only from the end of a step, to a wider one, and for the rows it was made for
    if sums is None or sums.dim % STEP or sums.dim > dim or sums.dots.shape != rows.shape:
        sums = _NO_SUMS
    shape = (len(queries), k)
    scores, found = np.empty(shape, np.float32), np.empty(shape, np.int64)
    now = Sums(dim, np.empty(shape, np.float32), np.empty(shape, np.float32))
    queries = np.ascontiguousarray(queries)
    vectors.prepare(rows, dim)
    data = np.asarray(vectors.data)

    def work(first: int, last: int) -> None:
        vectors.vouch(rows[first:last])
        rescore(data, queries, rows, sums.dim, dim, *sums[1:], scores, found, *now[1:], first, last)

    for begin, end in pairwise(vectors.parts(rows)):
        if begin:
            vectors.let_go()
        over_threads(work, end - begin, begin=begin)
    return Hits(scores, found, now)


def over_threads(work: Callable[[int, int], None], count: int, *, begin: int = 0, worth: int = _WORTH_A_THREAD) -> None:
    """Calls work(first, last) for parts of so many from `begin` on; on as many threads as FAISS takes, if each has
    `worth` to do."""
    threads = min(_threads(), count // worth) if count >= 2 * worth else 1
    if threads < 2:
        work(begin, begin + count)
        return
    edges = [begin + count * part // threads for part in range(threads + 1)]
    others = [_pool(os.getpid()).submit(work, *part) for part in pairwise(edges[1:])]
    try:
        work(*edges[:2])
    finally:
        wait(others)  # they use what the caller may close
    for other in others:
        other.result()


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads that are kept, since to start one takes as long as two or three queries; of this process, for a fork has
    none of its parent's."""
    return ThreadPoolExecutor(_threads(), thread_name_prefix="part")


def _threads() -> int:
    import faiss

    return int(faiss.omp_get_max_threads())

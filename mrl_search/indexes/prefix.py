"""The shortlist: a FAISS index over re-normalised prefixes. FAISS appears only here."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mrl_search.errors import IndexStoreError, MissingPackageError
from mrl_search.hits import Hits, Rows, Scores, best, merge
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

EXACT = "Flat"
_TRAINED_ON = 100_000  # FAISS's k-means looks at no more than 256 rows a centroid
_SEED = 0


class PrefixIndex:
    """Inner product of unit vectors, by whatever structure a FAISS factory string names."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self._exact = isinstance(_faiss().downcast_index(index), _faiss().IndexFlat)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """The width it was built for."""
        return int(self._index.d)

    def search(self, queries: Vectors, k: int) -> Hits:
        """The k best rows of each (q, dim) query by FAISS's scores; approximate as the factory string is."""
        fetch = _exact_order if self._exact else _faiss_order
        return fetch(self._index.search, np.ascontiguousarray(queries), k, len(self))

    def write(self, path: Path) -> None:
        """Writes FAISS's own file format. Raises IndexStoreError when FAISS cannot."""
        try:
            _faiss().write_index(self._index, str(path))
        except RuntimeError as error:
            raise IndexStoreError(f"FAISS could not write {path}: {_reason(error)}") from error

    @property
    def nbytes(self) -> int:
        """Bytes it holds in RAM, measured as the size of its serialised form."""
        return int(_faiss().serialize_index(self._index).nbytes)


def build_prefix(vectors: StoredVectors, dim: int, factory: str) -> PrefixIndex:
    """Trains on at most 100,000 rows drawn with a fixed seed, then adds all rows in order.

    An IVF searches the square root of its lists (FAISS's own default, one
    list, finds too little to shortlist from).
    Raises IndexStoreError for a factory string FAISS does not take, or too few rows to train it.
    """
    faiss = _faiss()
    try:
        index = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            rows = np.random.default_rng(_SEED).permutation(len(vectors))[:_TRAINED_ON]
            index.train(vectors.take(np.sort(rows), dim))
        for _, block in vectors.blocks(dim):
            index.add(block)
            vectors.release()  # else a build would hold the whole file by its end
    except RuntimeError as error:
        raise IndexStoreError(
            f"FAISS cannot build --prefix {factory!r} over {len(vectors)} × {dim}: {_reason(error)}"
        ) from error
    _probe_more_lists(index)
    return PrefixIndex(index)


def check_factory(dim: int, factory: str) -> None:
    """Raises IndexStoreError for a factory string that FAISS does not take at this width; builds nothing."""
    try:
        _faiss().index_factory(dim, factory, _faiss().METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise IndexStoreError(f"FAISS does not take --prefix {factory!r} at {dim} dims: {_reason(error)}") from error


def read_prefix(path: Path, count: int, dim: int) -> PrefixIndex:
    """Reads a prefix.faiss whose checksum has been verified; raises IndexStoreError unless it fits the manifest."""
    faiss = _faiss()
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise IndexStoreError(f"FAISS cannot read {path}: {_reason(error)}") from error
    if (index.ntotal, index.d, index.metric_type) != (count, dim, faiss.METRIC_INNER_PRODUCT):
        raise IndexStoreError(
            f"{path} holds {index.ntotal} × {index.d}, the manifest says {count} × {dim} inner product"
        )
    return PrefixIndex(index)


def scan(vectors: StoredVectors, queries: Vectors, k: int) -> Hits:
    """Exact search over the first queries.shape[1] coordinates of every stored row, block by block."""
    found = _nothing(len(queries), k)
    for start, block in vectors.blocks(queries.shape[1]):
        hits = _exact_order(partial(_knn, block), queries, k, len(block))
        found = merge([found, hits.moved(start)], k)
    return found


def _knn(block: Vectors, queries: Vectors, k: int) -> tuple[Scores, Rows]:
    scores, rows = _faiss().knn(queries, block, k, metric=_faiss().METRIC_INNER_PRODUCT)
    return scores, rows


Search = Callable[[Vectors, int], tuple[Scores, Rows]]


def _faiss_order(search: Search, queries: Vectors, k: int, count: int) -> Hits:
    """What FAISS finds, in our order."""
    if not len(queries):
        return _nothing(0, k)
    return best(*search(queries, min(k, count)), k)


def _exact_order(search: Search, queries: Vectors, k: int, count: int) -> Hits:
    """What FAISS finds exactly, cut in our order even where equal scores straddle the k-th place.

    FAISS keeps the higher row of two equals there. So one more than k is asked
    for, and twice as many again for the queries whose last two scores are equal.
    """
    hits = _nothing(len(queries), k)
    open_queries = np.arange(len(queries))
    asked = min(k + 1, count)
    while len(open_queries) and asked:
        scores, rows = search(queries[open_queries], asked)
        done = np.ones(len(open_queries), bool) if asked <= k or asked == count else (scores[:, k - 1] != scores[:, -1])
        finished = best(scores[done], rows[done], k)
        hits.scores[open_queries[done]], hits.rows[open_queries[done]] = finished
        open_queries = open_queries[~done]
        asked = min(2 * asked, count)
    return hits


def _nothing(queries: int, k: int) -> Hits:
    return best(np.empty((queries, 0), np.float32), np.empty((queries, 0), np.int64), k)


def _probe_more_lists(index: Any) -> None:
    faiss = _faiss()
    try:
        ivf = faiss.extract_index_ivf(index)
    except RuntimeError:  # there is no IVF inside
        return
    ivf.nprobe = max(1, round(ivf.nlist**0.5))


def _reason(error: RuntimeError) -> str:
    """FAISS's own words, without the C++ function and line before them."""
    return re.sub(r"^Error in .*? at \S+:\d+: (Error: )?", "", " ".join(str(error).split()))[:300]


def _faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise MissingPackageError("faiss-cpu (or faiss-gpu)", "an index", "cpu") from None
    return faiss

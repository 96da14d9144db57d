"""The shortlist: a FAISS index over re-normalised prefixes. FAISS appears only here."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mrl_search.errors import IndexStoreError, MissingPackageError
from mrl_search.hits import Hits, Rows, Scores, best, merge
from mrl_search.indexes.scoring import scores_of
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

EXACT = "Flat"
_TRAINED_ON = 100_000  # FAISS's k-means looks at no more than 256 rows a centroid
_SEED = 0
_NOISE = 4e-6  # what float32 may err by in the inner product of two unit vectors of some thousand dims


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
        queries = np.ascontiguousarray(queries)
        if self._exact:
            return _exact(_Exhaustive(self._index.search, self._index.reconstruct_batch, len(self)), queries, k)
        if not len(queries):
            return _nothing(0, k)
        scores, rows = self._index.search(queries, min(k, len(self)))
        return best(scores, rows, k)

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
        hits = _exact(_Exhaustive(partial(_knn, block), block.__getitem__, len(block)), queries, k)
        found = merge([found, hits.moved(start)], k)
    return found


def _knn(block: Vectors, queries: Vectors, k: int) -> tuple[Scores, Rows]:
    scores, rows = _faiss().knn(queries, block, k, metric=_faiss().METRIC_INNER_PRODUCT)
    return scores, rows


class _Exhaustive(NamedTuple):
    """An exhaustive search of FAISS's: the search, rows to their vectors, and how many rows there are."""

    search: Callable[[Vectors, int], tuple[Scores, Rows]]
    take: Callable[[Rows], Vectors]
    size: int


def _exact(exhaustive: _Exhaustive, queries: Vectors, k: int) -> Hits:
    """The k best in our order, though equal scores straddle the k-th place.

    FAISS keeps the higher row of two equals there and, from 20 queries on,
    multiplies matrices, whose edges round differently: equal vectors may differ
    in the last bits. So it is asked for more than k, until the last score it
    gives is clearly below the k-th, and what it gave is scored again our way.
    """
    k_found = min(k, exhaustive.size)
    hits = _nothing(len(queries), k)
    zero = ~queries.any(axis=1)  # scores 0 with everything, so the first rows are the best
    hits.scores[zero, :k_found], hits.rows[zero, :k_found] = 0, np.arange(k_found)
    waiting = np.flatnonzero(~zero)
    asked = min(k + 1, exhaustive.size)
    while len(waiting):
        scores, rows = exhaustive.search(queries[waiting], asked)
        all_seen = asked == exhaustive.size
        done = np.array(scores[:, k_found - 1] - scores[:, -1] > _NOISE) | all_seen
        finished = _rescored(exhaustive, queries[waiting[done]], rows[done], k)
        hits.scores[waiting[done]], hits.rows[waiting[done]] = finished
        waiting = waiting[~done]
        asked = min(2 * asked, exhaustive.size)
    return hits


def _rescored(exhaustive: _Exhaustive, queries: Vectors, rows: Rows, k: int) -> Hits:
    owners = np.repeat(np.arange(len(queries)), rows.shape[1])
    scores = scores_of(queries, owners, rows.ravel(), exhaustive.take)
    return best(scores.reshape(rows.shape), rows, k)


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

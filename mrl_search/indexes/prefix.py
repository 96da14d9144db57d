"""The prefix index: FAISS over re-normalised prefixes, which finds the rows worth scoring."""

import re
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mrl_search.errors import IndexStoreError, MissingPackageError
from mrl_search.hits import Hits, Rows, Scores, best, merge
from mrl_search.indexes.cells import Cells
from mrl_search.indexes.scoring import scored
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors, prefix

EXACT = "Flat"
AUTO = "auto"
_WORTH_CODES = 10_000
_WORTH_CELLS = 100_000
_DIM_A_TABLE = 64
_TABLES = 8  # that the kernel looks up together
_MOST_TABLES = 256  # of 8 bits each: FAISS adds them in 16 bits, and the best documents are the first to overflow
_TRAINED_ON = 100_000  # FAISS's k-means looks at no more than 256 rows a centroid
_SEED = 0
_NOISE = 4e-6  # what float32 may err by in the inner product of two unit vectors of some thousand dims
_LEAST_EF = 64
_DEVIATIONS = 2.7  # standard ones, on each side, that 16 steps cover; see docs/benchmarks.md
_LOSSY = 2  # rows fetched for each one wanted where FAISS compares codes; see docs/benchmarks.md
_SCANNED = 12  # rows compared by their finer codes for each one wanted, where there are finer codes


class Codec(NamedTuple):
    """A FAISS factory string, and how many of its cells a query looks into, if it has cells and that is not √cells."""

    factory: str
    probes: int | None = None


def chosen_codec(count: int, dim: int) -> Codec:
    """What `--prefix auto` stands for; docs/benchmarks.md has the figures behind the rule.

    Below 10,000 documents exact prefixes are fast. Above, half a byte for each pair of dims (for each dim up to 64).
    From 100,000 on half as much, for how a row differs from its cell's centre, in about 2·√count cells, of which a
    quarter is searched; and the best by that are compared by 4 bits a dim. Widths that do not come out in tables
    by eights, or come out in more than 256, stay exact.
    """
    tables = dim if dim <= _DIM_A_TABLE else dim // 2
    if count < _WORTH_CODES or tables % _TABLES or dim % tables or tables > _MOST_TABLES:
        return Codec(EXACT)
    if count < _WORTH_CELLS:
        return Codec(f"PQ{tables}x4fs")
    cells = 2 ** round(np.log2(2 * np.sqrt(count)))
    fewer = tables if tables % (2 * _TABLES) else tables // 2
    return Codec(f"IVF{cells},PQ{fewer}x4fsr,Refine(SQ4)", cells // 4)


class PrefixIndex:
    """Finds the rows whose prefixes are nearest, by whatever structure a FAISS factory string names."""

    def __init__(self, index: Any) -> None:
        self._index = index  # owns what a downcast only points at
        self._cells = Cells.of(_faiss(), index)
        kind = _faiss().downcast_index(index)
        self._is_exhaustive = isinstance(kind, _faiss().IndexFlat)
        self._lossless = isinstance(kind, _faiss().IndexFlat | _faiss().IndexIVFFlat | _faiss().IndexHNSWFlat)
        self._is_refined = self._cells is not None and self._cells.are_refined
        self._is_graph = isinstance(kind, _faiss().IndexHNSW)
        self._size, self._dim = int(index.ntotal), int(index.d)

    def __len__(self) -> int:
        return self._size

    @property
    def dim(self) -> int:
        """The width it was built for."""
        return self._dim

    def candidates(self, queries: Vectors, k: int) -> Rows:
        """(q, m): rows among which are the k best of each (q, ≥ dim) query, as far as the structure can tell.

        m is k or more; below 0 stands for none. An exhaustive index leaves none of the k best out, and equals among
        them by row; a lossy one gives twice as many as are wanted, to be scored by the vectors themselves.
        """
        wanted = min(k if self._lossless or self._is_refined else _LOSSY * k, self._size)
        if self._cells is not None:
            return self._cells.candidates(queries, wanted, _SCANNED * k)
        units = prefix(queries, self._dim)
        if self._is_exhaustive:
            return _all_of_the_best(self._index.search, self._size, units, k)
        if not len(units):
            return np.empty((0, wanted), np.int64)
        rows: Rows = self._index.search(units, wanted, params=self._parameters(wanted))[1]
        return rows

    def _parameters(self, wanted: int) -> Any:
        """FAISS's HNSW looks at 16 rows unless told otherwise, however many are wanted of it."""
        return _faiss().SearchParametersHNSW(efSearch=max(wanted, _LEAST_EF)) if self._is_graph else None

    @property
    def cells(self) -> int:
        """How many cells the kernel may look into; 1 if there are none, or FAISS searches them."""
        return len(self._cells.codes.centres) if self._cells is not None else 1

    def with_probes(self, probes: int) -> "PrefixIndex":
        """The same index, looking into so many cells, or all there are; itself if it has none."""
        if self._cells is not None and self.cells > 1:
            other = copy(self)
            other._cells = replace(self._cells, probes=min(probes, self.cells))
            return other
        return self

    def write(self, path: Path) -> None:
        """Writes FAISS's own file format. Raises IndexStoreError when FAISS cannot."""
        try:
            _faiss().write_index(self._index, str(path))
        except RuntimeError as error:
            raise IndexStoreError(f"FAISS could not write {path}: {_reason(error)}") from error

    @property
    def nbytes(self) -> int:
        """Bytes it searches in: its own arrays, or the size of FAISS's serialised form."""
        return self._cells.nbytes if self._cells is not None else int(_faiss().serialize_index(self._index).nbytes)

    def forget_faiss(self) -> None:
        """Lets go of FAISS's copy where the kernel has its own; it cannot be written any more."""
        if self._cells is not None:
            self._index = None


def build_prefix(vectors: StoredVectors, dim: int, codec: Codec) -> PrefixIndex:
    """Trains on at most 100,000 rows drawn with a fixed seed, then adds all rows in order.

    A product quantiser gets its dims in another order: strong ones beside weak ones, so that every table has as much
    to say. An IVF searches the square root of its lists (FAISS's own default, one list, finds too little).
    Raises IndexStoreError for a factory string FAISS does not take, or too few rows to train it.
    """
    faiss = _faiss()
    try:
        index = faiss.index_factory(dim, codec.factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            rows = np.random.default_rng(_SEED).permutation(len(vectors))[:_TRAINED_ON]
            sample = vectors.take(np.sort(rows), dim)
            _set_steps(index)
            index = _balanced(index, sample)
            index.train(sample)
        for _, block in vectors.blocks(dim):
            index.add(block)
            vectors.release()  # else a build would hold the whole file by its end
    except RuntimeError as error:
        raise IndexStoreError(
            f"FAISS cannot build --prefix {codec.factory!r} over {len(vectors)} × {dim}: {_reason(error)}"
        ) from error
    _probe_more_lists(index, codec.probes)
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
    prefixes = PrefixIndex(index)
    prefixes.forget_faiss()
    return prefixes


def scan(vectors: StoredVectors, queries: Vectors, dim: int, k: int) -> Hits:
    """Exact search over the first `dim` coordinates of every stored row, block by block."""
    units = prefix(queries, dim)
    found = best(np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64), k)
    for start, block in vectors.blocks(dim):
        rows = _all_of_the_best(partial(_knn, block), len(block), units, k)
        here = scored(vectors, queries, np.where(rows < 0, rows, rows + start), dim, k)
        found = merge([found, here], k)
    return found


def _knn(block: Vectors, queries: Vectors, k: int) -> tuple[Scores, Rows]:
    scores, rows = _faiss().knn(queries, block, k, metric=_faiss().METRIC_INNER_PRODUCT)
    return scores, rows


def _all_of_the_best(
    search: Callable[[Vectors, int], tuple[Scores, Rows]], size: int, queries: Vectors, k: int
) -> Rows:
    """Rows of an exhaustive search of FAISS's, among which are the k best in our order; -1 for none.

    FAISS keeps the higher row of two equals that straddle the k-th place and, from 20 queries on, multiplies
    matrices, whose edges round differently: equal vectors may differ in the last bits. So it is asked for more than
    k, until the last score it gives is clearly below the k-th.
    """
    k = min(k, size)
    asked = min(k + 1, size)
    found = np.full((len(queries), asked), -1, np.int64)
    zero = ~queries.any(axis=1)  # scores 0 with everything, so the first rows are the best
    found[zero, :k] = np.arange(k)
    waiting = np.flatnonzero(~zero)
    while len(waiting):
        scores, rows = search(queries[waiting], asked)
        done = np.array(scores[:, k - 1] - scores[:, -1] > _NOISE) | (asked == size)
        found = np.pad(found, ((0, 0), (0, asked - found.shape[1])), constant_values=-1)
        found[waiting[done]] = rows[done]
        waiting = waiting[~done]
        asked = min(2 * asked, size)
    return found


def _balanced(index: Any, sample: Vectors) -> Any:
    """A product quantiser behind a reordering of its dims; any other index as it is.

    Dims are dealt to the tables from the strongest (by second moment) to the weakest, back and forth, as OPQ's
    parametric solution balances them (Ge et al. 2013, §3.2).
    """
    faiss = _faiss()
    kinds = faiss.IndexPQ | faiss.IndexPQFastScan | faiss.IndexIVFPQ | faiss.IndexIVFPQFastScan
    coded = faiss.downcast_index(index.base_index) if isinstance(index, faiss.IndexRefine) else index
    if not isinstance(coded, kinds):
        return index
    tables = coded.pq.M
    dealt = np.argsort(-np.square(sample).sum(axis=0), kind="stable").reshape(-1, tables)
    dealt[1::2] = dealt[1::2, ::-1]
    order = np.ascontiguousarray(dealt.T.ravel(), dtype=np.int32)
    # FAISS's Python wrapper keeps both parts alive
    return faiss.IndexPreTransform(faiss.RemapDimensionsTransform(index.d, index.d, faiss.swig_ptr(order)), index)


def _set_steps(index: Any) -> None:
    """A 4-bit refinement gets its range from how much a dim varies: outliers would leave most of 16 steps unused."""
    faiss = _faiss()
    if not isinstance(index, faiss.IndexRefine):
        return
    index.k_factor = _SCANNED  # where FAISS itself searches
    finer = faiss.downcast_index(index.refine_index)
    if isinstance(finer, faiss.IndexScalarQuantizer) and finer.sq.qtype == finer.sq.QT_4bit:
        finer.sq.rangestat, finer.sq.rangestat_arg = finer.sq.RS_meanstd, _DEVIATIONS


def _probe_more_lists(index: Any, probes: int | None) -> None:
    faiss = _faiss()
    try:
        ivf = faiss.extract_index_ivf(index)
    except RuntimeError:  # there is no IVF inside
        return
    ivf.nprobe = probes if probes is not None else max(1, round(ivf.nlist**0.5))


def _reason(error: RuntimeError) -> str:
    """FAISS's own words, without the C++ function and line before them."""
    return re.sub(r"^Error in .*? at \S+:\d+: (Error: )?", "", " ".join(str(error).split()))[:300]


def _faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise MissingPackageError("faiss-cpu (or faiss-gpu)", "an index", "cpu") from None
    return faiss

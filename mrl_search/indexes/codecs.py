"""Which structure a prefix index is, and how FAISS is made to train and fill it."""

import re
from typing import Any, NamedTuple

import numpy as np

from mrl_search.errors import DeviceError, IndexStoreError, MissingPackageError, MRLSearchError
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

EXACT = "Flat"
AUTO = "auto"
_WORTH_CODES = 10_000
_WORTH_CELLS = 100_000
_DIM_A_TABLE = 64
_TABLES_TOGETHER = 8  # that the kernel looks up, on some CPUs
_MOST_TABLES = 256  # of 8 bits each: FAISS adds them in 16 bits, and the best documents are the first to overflow
_TRAINED_ON = 100_000  # FAISS's k-means looks at no more than 256 rows a centroid
_SEED = 0
_DEVIATIONS = 2.7  # standard ones, on each side, that 16 steps cover; see docs/benchmarks.md
_ONE_BY_ONE = 128_000  # numbers of a batch, below which FAISS compares its queries one by one, by default
_ONE_BY_ONE_A_THREAD = 800
SCANNED = 6
"""Rows compared by their finer codes for each one wanted, where there are finer codes."""


class Codec(NamedTuple):
    """A FAISS factory string, and how many of its cells a query looks into, if that is to be said."""

    factory: str
    probes: int | None = None

    @property
    def is_refined(self) -> bool:
        """Whether finer codes compare the best of those that are scanned, by our kernel; then whole vectors are worth
        sketching, too."""
        return re.search(r"PQ\d+x4fsr?,Refine\(SQ4\)$", self.factory) is not None


def chosen_codec(count: int, dim: int) -> Codec:
    """What `--prefix auto` stands for; docs/benchmarks.md has the figures behind the rule.

    Below 10,000 documents exact prefixes are fast. Above, half a byte for each pair of dims (for each dim up to 64).
    From 100,000 on half as much, for how a row differs from its cell's centre, in about 2·√count cells; and the
    best by that are compared by 4 bits a dim. Widths that do not come out in tables
    by eights (in cells: by sixteens), or come out in more than 256, stay exact or as they are.
    """
    tables = dim if dim <= _DIM_A_TABLE else dim // 2
    if in_cells := count >= _WORTH_CELLS and tables % (2 * _TABLES_TOGETHER) == 0:
        tables //= 2
    if count < _WORTH_CODES or tables % _TABLES_TOGETHER or dim % tables or tables > _MOST_TABLES:
        return Codec(EXACT)
    if not in_cells:
        return Codec(f"PQ{tables}x4fs")
    cells = 2 ** round(np.log2(2 * np.sqrt(count)))
    return Codec(f"IVF{cells},PQ{tables}x4fsr,Refine(SQ4)")


def filled(vectors: StoredVectors, dim: int, codec: Codec) -> Any:
    """A FAISS index of the prefixes of all rows, in order.

    Trains on at most 100,000 rows drawn with a fixed seed, then adds block by block.

    A product quantiser gets its dims in another order: strong ones beside weak ones, so that every table has as much
    to say. An IVF searches half of its lists (FAISS's own default is one), of 4-bit codes all: half of them cost
    NFCorpus's questions .0045 of nDCG@10, and save little time over 290,000 sentences (docs/benchmarks.md).
    Raises IndexStoreError for a factory string FAISS does not take, too few rows to train it, or
    more probes than cells.
    """
    try:
        index = _made(dim, codec)
        if not index.is_trained:
            rows = np.random.default_rng(_SEED).permutation(len(vectors))[:_TRAINED_ON]
            sample = vectors.take(np.sort(rows), dim)
            _set_steps(index)
            index = _balanced(index, sample)
            index.train(sample)
            _level_constant(index, sample)
        _reserve(index, len(vectors))
        for _, block in vectors.blocks(dim):
            index.add(block)
            vectors.release()  # else a build would hold the whole file by its end
    except MRLSearchError:  # some are RuntimeErrors, too
        raise
    except RuntimeError as error:
        raise IndexStoreError(
            f"FAISS cannot build --prefix {codec.factory!r} over {len(vectors)} × {dim}: {reason(error)}"
        ) from error
    return index


def _reserve(index: Any, count: int) -> None:
    """Room for all exact prefixes: as FAISS adds to them they would grow by doubling, old and new side by side."""
    if isinstance(index, load_faiss().IndexFlat):
        index.codes.resize(count * index.code_size)
        index.codes.resize(0)  # a std::vector keeps its capacity


def check_codec(dim: int, codec: Codec) -> None:
    """Raises IndexStoreError for a codec that FAISS does not take at this width, or whose probes are too many.

    Builds nothing.
    """
    try:
        _made(dim, codec)
    except MRLSearchError:  # some are RuntimeErrors, too
        raise
    except RuntimeError as error:
        raise IndexStoreError(
            f"FAISS does not take --prefix {codec.factory!r} at {dim} dims: {reason(error)}"
        ) from error


def _made(dim: int, codec: Codec) -> Any:
    """An empty index. Raises RuntimeError for what FAISS does not take, and for what it would crash on."""
    faiss = load_faiss()
    if re.search(r"HNSW[01]\b", codec.factory):
        raise RuntimeError("a graph needs at least two neighbours for each row")
    index = faiss.index_factory(dim, codec.factory, faiss.METRIC_INNER_PRODUCT)
    if re.search(r"IVF0+\b", codec.factory):
        raise RuntimeError("an IVF needs at least one cell")
    _probe_more_lists(index, codec)
    return index


def _balanced(index: Any, sample: Vectors) -> Any:
    """A product quantiser behind a reordering of its dims; any other index as it is.

    Dims are dealt to the tables from the strongest (by second moment) to the weakest, back and forth, as OPQ's
    parametric solution balances them (Ge et al. 2013, §3.2).
    """
    faiss = load_faiss()
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
    faiss = load_faiss()
    if not isinstance(index, faiss.IndexRefine):
        return
    index.k_factor = SCANNED  # where FAISS itself searches
    finer = faiss.downcast_index(index.refine_index)
    if isinstance(finer, faiss.IndexScalarQuantizer) and finer.sq.qtype == finer.sq.QT_4bit:
        finer.sq.rangestat, finer.sq.rangestat_arg = finer.sq.RS_meanstd, _DEVIATIONS


def _level_constant(index: Any, sample: Vectors) -> None:
    """Gives a dim that never varies no range (FAISS: as if it varied by 1), or it would drown the others' weights."""
    faiss = load_faiss()
    inner = index
    if isinstance(index, faiss.IndexPreTransform):
        inner, turn = faiss.downcast_index(index.index), faiss.downcast_VectorTransform(index.chain.at(0))
        sample = turn.apply(sample)
    if not isinstance(inner, faiss.IndexRefine):
        return
    finer = faiss.downcast_index(inner.refine_index)
    if isinstance(finer, faiss.IndexScalarQuantizer) and finer.sq.qtype == finer.sq.QT_4bit:
        constant = np.ptp(sample, axis=0) == 0
        spans = faiss.vector_to_array(finer.sq.trained)
        spans[finer.d :][constant] = 0
        faiss.copy_array_to_vector(spans, finer.sq.trained)


def _probe_more_lists(index: Any, codec: Codec) -> None:
    faiss = load_faiss()
    try:
        ivf = faiss.extract_index_ivf(index)
    except RuntimeError:  # there is no IVF inside
        if codec.probes is not None:
            raise IndexStoreError(
                f"asked to look into {codec.probes} cells; the prefix index {codec.factory} has none"
            ) from None
        return
    if codec.probes is not None and not 1 <= codec.probes <= ivf.nlist:
        raise IndexStoreError(f"asked to look into {codec.probes} cells, and {codec.factory} has {ivf.nlist}")
    cheap = isinstance(faiss.downcast_index(ivf), faiss.IndexIVFPQFastScan)
    ivf.nprobe = codec.probes or (ivf.nlist if cheap else max(1, ivf.nlist // 2))


def reason(error: RuntimeError | MemoryError) -> str:
    """FAISS's own words, without the C++ function and line before them."""
    return re.sub(r"^Error in .*? at \S+:\d+: (Error: )?", "", " ".join(str(error).split()))[:300]


def load_faiss() -> Any:
    """The faiss module. Raises MissingPackageError with what to install, and DeviceError where it cannot be loaded.

    FAISS 1.15 compares the queries of a batch one by one, as long as they have less than 128,000 numbers together
    (1,000 queries of 128 dims): right for tens of threads. On one a product of matrices is faster from three queries
    on, and several times as fast for a hundred (docs/scale.md). So the limit becomes that of FAISS's own pull request
    5109, unless somebody has set another.
    """
    try:
        import faiss
    except ImportError:
        raise MissingPackageError("faiss-cpu (or faiss-gpu)", "an index", "cpu") from None
    except RuntimeError as error:  # a faiss-gpu without the CUDA libraries that pip brings with it
        raise DeviceError(f"FAISS cannot be loaded: {error}") from error
    limits: Any = getattr(faiss, "cvar", None)
    if getattr(limits, "distance_compute_blas_threshold", None) == _ONE_BY_ONE:
        limits.distance_compute_blas_threshold = _ONE_BY_ONE_A_THREAD * faiss.omp_get_max_threads()
    return faiss

"""FAISS's 4-bit product quantiser (`PQ…x4fs`, alone, in an IVF's cells, refined by SQ4), searched by our own kernel.

FAISS trains, adds and stores; this reads what it made. See kernels/fastscan.py for why.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import IndexStoreError
from mrl_search.hits import Live, Rows
from mrl_search.indexes.scoring import over_threads
from mrl_search.vectors import Vectors

_BLOCK = 32  # codes FAISS packs together
_LARGEST = 2**31 - 1
_CACHE_LINE = 64


class Codes(NamedTuple):
    """The arrays of such an index.

    order: (d,) the place each of its dims has in a prefix.
    centres: (c, ≥ d), of the cells, 128 for 0 and centre_step from one number to the next; (1, ≥ d) where there is one.
    by_residual: a code says how its row differs from the centre of its cell.
    centroids: (tables, d / tables, 16), of the quantiser. blocks: packed codes;
    rows: theirs, -1 where a block has room.
    starts: (c + 1,) where each cell's blocks begin.
    finer: (n, ≥ d / 2), 4 bits a dim by row, the even one lower; steps: (d,) from one of its codes to the next. (0, 0)
    and (0,) where there is nothing finer.
    """

    order: NDArray[np.int64]
    centres: NDArray[np.uint8]
    centre_step: np.float32
    by_residual: bool
    centroids: NDArray[np.float32]
    blocks: NDArray[np.uint8]
    rows: NDArray[np.int32]
    starts: NDArray[np.int64]
    finer: NDArray[np.uint8]
    steps: NDArray[np.float32]


@dataclass(frozen=True)
class Cells:
    """Searches `Codes`. probes: how many cells a query looks into."""

    codes: Codes
    probes: int

    @classmethod
    def of(cls, faiss: Any, index: Any) -> "Cells | None":
        """A FAISS index's arrays; None if it is of another kind, or this CPU lacks the instruction for it."""
        order, inner = _unwrapped(faiss, index)
        refined = None
        if isinstance(inner, faiss.IndexRefine):
            inner, refined = (faiss.downcast_index(part) for part in (inner.base_index, inner.refine_index))
            if not isinstance(refined, faiss.IndexScalarQuantizer) or refined.sq.qtype != refined.sq.QT_4bit:
                return None
        is_ivf = isinstance(inner, faiss.IndexIVFPQFastScan)
        if not is_ivf and not isinstance(inner, faiss.IndexPQFastScan):
            return None
        if order is None or inner.pq.nbits != 4 or inner.bbs != _BLOCK:
            return None
        from mrl_search.indexes.kernels import TABLES, laid_out

        if not TABLES or inner.pq.M % TABLES or inner.M2 != inner.pq.M:
            return None
        _demand_sizes(faiss, index, inner, refined)
        centres, blocks, rows, starts = _lists(faiss, inner) if is_ivf else _one_list(faiss, inner)
        by_residual, probes = (inner.by_residual, inner.nprobe) if is_ivf else (False, 1)
        (centres, step), (finer, steps) = _as_bytes(centres), _finer(faiss, refined)
        blocks = laid_out(blocks, inner.pq.M)
        centroids = _centroids(faiss, inner)
        codes = Codes(order, centres, step, by_residual, centroids, blocks, rows, starts, finer, steps)
        return cls(codes, int(probes))._checked(inner)

    def _checked(self, inner: Any) -> "Cells":
        """Itself. Raises IndexStoreError for arrays that the kernel would follow out of bounds or into nonsense."""
        codes = self.codes
        found = np.sort(codes.rows[codes.rows >= 0])
        tables, width, _ = codes.centroids.shape
        if not (
            sorted(codes.order.tolist()) == list(range(inner.d))
            and np.array_equal(found, np.arange(inner.ntotal))
            and tables * width == inner.d <= codes.centres.shape[1]
            and len(codes.rows) == codes.starts[-1] * _BLOCK
            and len(codes.blocks) == codes.starts[-1] * tables * _BLOCK // 2
            and (len(codes.finer), len(codes.steps)) in ((0, 0), (inner.ntotal, inner.d))
            and all(np.isfinite(array).all() for array in (codes.centre_step, codes.centroids, codes.steps))
            and self.probes >= 1
        ):
            raise _contradiction()
        return self

    def among(self, live: Live) -> "Cells":
        """The same codes, of which those of rows that are not live are room that nothing stands in."""
        rows = np.where((self.codes.rows >= 0) & live[self.codes.rows], self.codes.rows, np.int32(-1))
        return replace(self, codes=self.codes._replace(rows=rows))

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays together, which are all that is held in RAM."""
        return sum(array.nbytes for array in self.codes if isinstance(array, np.ndarray))

    @property
    def are_refined(self) -> bool:
        """Whether there are finer codes."""
        return len(self.codes.finer) > 0

    def candidates(self, queries: Vectors, k: int, scanned: int) -> Rows:
        """(q, k): the rows of the k best codes of each (q, ≥ d) query, in no order; -1 beyond those that were found.

        scanned: how many of the best are compared by their finer codes, if there are any.
        """
        from mrl_search.indexes.kernels import scan

        queries = np.ascontiguousarray(queries)
        found = np.empty((len(queries), k), np.int64)

        def work(first: int, last: int) -> None:
            scan(queries, self.codes, self.probes, scanned, found, first, last)

        over_threads(work, len(queries))
        return found


def _demand_sizes(faiss: Any, index: Any, inner: Any, refined: Any) -> None:
    """Raises IndexStoreError unless all parts are of one size: arrays are made by what they say of themselves."""
    parts = [inner, *([refined] if refined is not None else [])]
    agree = all((part.ntotal, part.d) == (index.ntotal, index.d) for part in parts)
    agree &= inner.pq.M * inner.pq.dsub == inner.d and inner.pq.centroids.size() == 16 * inner.d
    if isinstance(inner, faiss.IndexIVFPQFastScan):
        lists, quantizer = faiss.downcast_InvertedLists(inner.invlists), faiss.downcast_index(inner.quantizer)
        agree &= isinstance(lists, faiss.BlockInvertedLists) and lists.nlist == inner.nlist == quantizer.ntotal
        agree &= agree and (lists.n_per_block, lists.block_size) == (_BLOCK, inner.pq.M * _BLOCK // 2)
        agree &= agree and sum(lists.list_size(number) for number in range(inner.nlist)) == inner.ntotal
    if not agree:
        raise _contradiction()


def _contradiction() -> IndexStoreError:
    return IndexStoreError("the prefix index contradicts itself; build the index again")


def _unwrapped(faiss: Any, index: Any) -> tuple[NDArray[np.int64] | None, Any]:
    """The order of dims that an index remaps to, and the index behind that; (None, …) for any other transformation."""
    index = faiss.downcast_index(index)
    if not isinstance(index, faiss.IndexPreTransform):
        return np.arange(index.d), index
    steps = [faiss.downcast_VectorTransform(index.chain.at(place)) for place in range(index.chain.size())]
    inner = faiss.downcast_index(index.index)
    if len(steps) != 1 or not isinstance(steps[0], faiss.RemapDimensionsTransform) or inner.d != index.d:
        return None, inner
    return faiss.vector_to_array(steps[0].map).astype(np.int64), inner


def _centroids(faiss: Any, inner: Any) -> NDArray[np.float32]:
    by_code = faiss.vector_to_array(inner.pq.centroids).reshape(inner.pq.M, 16, inner.pq.dsub)
    return np.ascontiguousarray(by_code.transpose(0, 2, 1))


def _as_bytes(centres: Vectors) -> tuple[NDArray[np.uint8], np.float32]:
    """centres and centre_step: a hundredth of the numbers' size is far less than cells differ by."""
    step = np.float32(np.abs(centres).max() / 127 or 1)
    with np.errstate(invalid="ignore"):  # of a file that means harm; what is wrong leads to wrong rows, and no further
        return _in_strides(128 + np.rint(centres / step)), step


def _in_strides(rows: NDArray[Any]) -> NDArray[np.uint8]:
    """The same numbers as bytes, rows filled with 0 to whole strides of the kernel, the first where a cache line is."""
    from mrl_search.indexes.kernels import STRIDE

    count, width = rows.shape
    size = -(-width // STRIDE) * STRIDE
    room = np.zeros(count * size + _CACHE_LINE, np.uint8)
    start = -room.ctypes.data % _CACHE_LINE
    aligned = room[start : start + count * size].reshape(count, size)
    aligned[:, :width] = rows
    return aligned


def _one_list(faiss: Any, inner: Any) -> tuple[Any, ...]:
    """centres, blocks, rows and starts of an index without cells."""
    count = -(-inner.ntotal // _BLOCK)
    rows = np.full(count * _BLOCK, -1, np.int32)
    rows[: inner.ntotal] = np.arange(inner.ntotal)
    if inner.codes.size() < count * inner.pq.M * 16:
        raise IndexStoreError("the prefix index has fewer codes than rows; build the index again")
    blocks = faiss.rev_swig_ptr(inner.codes.get(), count * inner.pq.M * 16).copy()
    return np.zeros((1, inner.d), np.float32), blocks, rows, np.array([0, count], np.int64)


def _lists(faiss: Any, ivf: Any) -> tuple[Any, ...]:
    """centres, blocks, rows and starts of an IVF."""
    lists = ivf.invlists
    sizes = [lists.list_size(number) for number in range(ivf.nlist)]
    counts = [-(-size // _BLOCK) for size in sizes]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    blocks = np.empty(int(starts[-1]) * ivf.pq.M * 16, np.uint8)
    rows = np.full(int(starts[-1]) * _BLOCK, -1, np.int64)
    for number, size in enumerate(sizes):
        if size:
            begin, end = (int(start) * ivf.pq.M * 16 for start in starts[number : number + 2])
            blocks[begin:end] = faiss.rev_swig_ptr(lists.get_codes(number), end - begin)
            first = int(starts[number]) * _BLOCK
            rows[first : first + size] = faiss.rev_swig_ptr(lists.get_ids(number), size)
    centres = faiss.downcast_index(ivf.quantizer).reconstruct_n(0, ivf.nlist)
    return centres, blocks, np.clip(rows, -1, _LARGEST).astype(np.int32), starts


def _finer(faiss: Any, refined: Any) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """finer and steps of the index that refines, if there is one."""
    if refined is None:
        return np.empty((0, 0), np.uint8), np.empty(0, np.float32)
    count, size = int(refined.ntotal), int(refined.sq.code_size)
    spans = faiss.vector_to_array(refined.sq.trained)
    if refined.codes.size() != count * size or size * 2 != refined.d or len(spans) != 2 * refined.d:
        raise IndexStoreError("the prefix index has fewer finer codes than rows; build the index again")
    finer = _in_strides(faiss.rev_swig_ptr(refined.codes.data(), count * size).reshape(count, size))
    return finer, spans[refined.d :] / np.float32(15)

"""FAISS's 4-bit product quantiser (`PQ…x4fs`, alone or in an IVF's cells), scanned by our own kernel.

FAISS trains, adds and stores; this reads what it made. See kernels/fastscan.py for why.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import IndexStoreError
from mrl_search.hits import Rows
from mrl_search.indexes.scoring import over_threads
from mrl_search.vectors import Vectors

_BLOCK = 32  # codes FAISS packs together
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Cells:
    """The arrays of such an index.

    order: (d,) the place each of its dims has in a prefix. centres: (c, d), of the cells; (1, d) where there is one.
    centroids: (tables, d / tables, 16), of the quantiser. blocks: packed codes;
    rows: theirs, -1 where a block has room.
    starts: (c + 1,) where each cell's blocks begin. probes: how many cells a query looks into.
    """

    order: NDArray[np.int64]
    centres: Vectors
    centroids: NDArray[np.float32]
    blocks: NDArray[np.uint8]
    rows: NDArray[np.int32]
    starts: NDArray[np.int64]
    probes: int

    @classmethod
    def of(cls, faiss: Any, index: Any) -> "Cells | None":
        """The arrays of a FAISS index; None if it is of another kind, or this CPU lacks the instruction for it."""
        order, inner = _unwrapped(faiss, index)
        is_ivf = isinstance(inner, faiss.IndexIVFPQFastScan)
        if not is_ivf and not isinstance(inner, faiss.IndexPQFastScan):
            return None
        quantizer = inner.pq
        if order is None or quantizer.nbits != 4 or inner.bbs != _BLOCK or (is_ivf and inner.by_residual):
            return None
        from mrl_search.indexes.kernels import LANES

        if not LANES or quantizer.M % LANES or inner.M2 != quantizer.M:
            return None
        shape = (quantizer.M, 16, quantizer.dsub)
        by_code = faiss.vector_to_array(quantizer.centroids).reshape(shape)
        centroids = np.ascontiguousarray(by_code.transpose(0, 2, 1))
        if is_ivf:
            return cls(order, *_lists(faiss, inner, centroids))._checked(inner)
        count = -(-inner.ntotal // _BLOCK)
        rows = np.full(count * _BLOCK, -1, np.int32)
        rows[: inner.ntotal] = np.arange(inner.ntotal)
        if inner.codes.size() < count * quantizer.M * 16:
            raise IndexStoreError("the prefix index has fewer codes than rows; build the index again")
        blocks = faiss.rev_swig_ptr(inner.codes.get(), count * quantizer.M * 16).copy()
        centre = np.zeros((1, inner.d), np.float32)
        cells = cls(order, centre, centroids, blocks, rows, np.array([0, count], np.int64), 1)
        return cells._checked(inner)

    def _checked(self, inner: Any) -> "Cells":
        """Itself. Raises IndexStoreError for arrays that the kernel would follow out of bounds or into nonsense."""
        found = np.sort(self.rows[self.rows >= 0])
        if not (
            sorted(self.order.tolist()) == list(range(inner.d))
            and np.array_equal(found, np.arange(inner.ntotal))
            and np.isfinite(self.centres).all()
            and np.isfinite(self.centroids).all()
            and self.probes >= 1
        ):
            raise IndexStoreError("the prefix index contradicts itself; build the index again")
        return self

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays together, which are all that is held in RAM."""
        arrays = (self.order, self.centres, self.centroids, self.blocks, self.rows, self.starts)
        return sum(array.nbytes for array in arrays)

    def candidates(self, queries: Vectors, k: int) -> Rows:
        """(q, k): the rows of the k best codes of each (q, ≥ d) query, in no order; -1 beyond those that were found."""
        from mrl_search.indexes.kernels import scan

        queries = np.ascontiguousarray(queries)
        found = np.empty((len(queries), k), np.int64)
        codes = (self.centres, self.centroids, self.blocks, self.starts, self.rows)

        def work(first: int, last: int) -> None:
            scan(queries, self.order, *codes, self.probes, k, found, first, last)

        over_threads(work, len(queries))
        return found


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


def _lists(faiss: Any, ivf: Any, centroids: NDArray[np.float32]) -> tuple[Any, ...]:
    """centres, centroids, blocks, rows, starts and probes of an IVF."""
    lists = ivf.invlists
    sizes = [lists.list_size(number) for number in range(ivf.nlist)]
    counts = [-(-size // _BLOCK) for size in sizes]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    blocks = np.empty(int(starts[-1]) * ivf.pq.M * 16, np.uint8)
    rows = np.full(int(starts[-1]) * _BLOCK, -1, np.int32)
    for number, size in enumerate(sizes):
        if size:
            begin, end = (int(start) * ivf.pq.M * 16 for start in starts[number : number + 2])
            blocks[begin:end] = faiss.rev_swig_ptr(lists.get_codes(number), end - begin)
            first = int(starts[number]) * _BLOCK
            rows[first : first + size] = np.clip(faiss.rev_swig_ptr(lists.get_ids(number), size), -1, _LARGEST)
    centres = faiss.downcast_index(ivf.quantizer).reconstruct_n(0, ivf.nlist)
    return centres, centroids, blocks, rows, starts, int(ivf.nprobe)

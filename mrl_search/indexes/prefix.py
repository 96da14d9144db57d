"""The prefix index: FAISS over re-normalised prefixes, which finds the rows worth scoring."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mrl_search.errors import IndexStoreError
from mrl_search.hits import Live, Rows, Scores, without
from mrl_search.indexes.cells import Cells
from mrl_search.indexes.codecs import SCANNED, Codec, filled, load_faiss, reason
from mrl_search.indexes.exhaustive import NOISE
from mrl_search.indexes.faiss_file import read_faiss
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors, prefix

_LEAST_EF = 64
_LOSSY = 2  # rows fetched for each one wanted where FAISS compares codes; see docs/benchmarks.md
_LEAST_LOSSY = (
    100  # rows fetched in any case: 20,000 documents gave .80 of the best 10 when 20 were scored, .998 of 200
)
_LEAST_RERANKED = (
    30  # the same where finer codes compare them and the rows are reranked: a few would hold fewer of the best
)
_LOSSY_FINER = 3  # the same where finer codes compare them, unless all are reranked
_MOST_ASKED = 8  # times what would do if the rows that are not live lay evenly; who still lacks rows gets them exactly


class PrefixIndex:
    """Finds the rows whose prefixes are nearest, by whatever structure a FAISS factory string names."""

    def __init__(self, index: Any) -> None:
        self._index = index  # owns what a downcast only points at
        faiss = load_faiss()
        self._cells = Cells.of(faiss, index)
        kind = faiss.downcast_index(index)
        self._is_exhaustive = isinstance(kind, faiss.IndexFlat)
        self._lossless = isinstance(kind, faiss.IndexFlat | faiss.IndexIVFFlat | faiss.IndexHNSWFlat)
        self._is_graph = isinstance(kind, faiss.IndexHNSW)
        self._size, self._dim = int(index.ntotal), int(index.d)
        self._live: Live | None = None

    def __len__(self) -> int:
        """How many rows it may find."""
        return self._size

    def among(self, live: Live) -> "PrefixIndex":
        """The same structure, not copied, that finds live rows only."""
        other = copy(self)
        other._live, other._size = live, int(live.sum())
        other._cells = self._cells.among(live) if self._cells is not None else None
        return other

    @property
    def is_exhaustive(self) -> bool:
        """Whether every row's prefix itself is compared."""
        return self._is_exhaustive

    @property
    def dim(self) -> int:
        """The width it was built for."""
        return self._dim

    def candidates(self, queries: Vectors, k: int, *, in_order: bool = True) -> Rows:
        """(q, m): rows among which are the k best of each (q, ≥ dim) query, as far as the structure can tell.

        m is k or more; below 0 stands for none. An exhaustive index leaves none of the k best out, and equals among
        them by row; one of codes gives two or three times as many, to be scored by the vectors themselves. in_order:
        False where they are reranked in any case; of finer codes then k are enough, if they are thirty.
        Raises IndexStoreError where FAISS cannot search what it could build.
        """
        wanted = min(self._fetched(k, in_order), self._size)
        if self._cells is not None:
            return self._cells.candidates(queries, wanted, SCANNED * max(k, 2 * _least(in_order)))
        units = prefix(queries, self._dim)
        if self._is_exhaustive:
            return _all_of_the_best(self._exhaustive(), self._first(min(k, self._size)), self._size, units)
        if not len(units):
            return np.empty((0, wanted), np.int64)
        return self._searched(units, wanted) if self._live is None else self._live_only(units, wanted, self._live)

    def _searched(self, units: Vectors, wanted: int) -> Rows:
        try:
            rows: Rows = self._index.search(units, wanted, params=self._parameters(wanted))[1]
        except RuntimeError as error:
            raise IndexStoreError(f"FAISS cannot search this prefix index: {reason(error)}") from error
        return rows

    def _live_only(self, units: Vectors, wanted: int, live: Live) -> Rows:
        """As `_searched`, of live rows: more are asked for until so many are left.

        FAISS takes an IDSelector with some structures and not with others (none with 4-bit codes); this works with all.
        A query may be left with fewer, as where its cells hold no more.
        """
        even = int(np.ceil(wanted * len(live) / max(1, self._size)))
        asked, most = min(even + wanted, len(live)), min(_MOST_ASKED * even, len(live))
        while True:
            rows = without(self._searched(units, asked), live)
            if asked >= most or ((rows >= 0).sum(axis=1) >= wanted).all():
                return rows
            asked = min(2 * asked, most)

    def _exhaustive(self) -> Callable[[Vectors, int], tuple[Scores, Rows]]:
        """FAISS's search of all prefixes, or of the live ones."""
        if self._live is None:
            return self._index.search  # type: ignore[no-any-return]
        faiss = load_faiss()
        live = faiss.IDSelectorBitmap(np.packbits(self._live, bitorder="little"))
        return partial(self._index.search, params=faiss.SearchParameters(sel=live))

    def _first(self, k: int) -> Rows:
        """The first k rows it may find."""
        return np.arange(k) if self._live is None else np.flatnonzero(self._live)[:k]

    def _fetched(self, k: int, in_order: bool) -> int:
        """Rows to find where k are wanted."""
        if self._cells is not None and self._cells.are_refined:
            return max(_LOSSY_FINER * k if in_order else k, _least(in_order))
        return k if self._lossless else max(_LOSSY * k, _LEAST_LOSSY)

    def _parameters(self, wanted: int) -> Any:
        """FAISS's HNSW looks at 16 rows unless told otherwise, however many are wanted of it."""
        return load_faiss().SearchParametersHNSW(efSearch=max(wanted, _LEAST_EF)) if self._is_graph else None

    @property
    def faiss(self) -> Any:
        """FAISS's own index; None once it was let go of."""
        return self._index

    @property
    def faiss_probes(self) -> int:
        """How many cells FAISS looks into; 1 where it has none, or was let go of."""
        try:
            return int(load_faiss().extract_index_ivf(self._index).nprobe) if self._index is not None else 1
        except RuntimeError:  # there is no IVF inside
            return 1

    @property
    def cells(self) -> int:
        """How many cells the kernel may look into; 1 if there are none, or FAISS searches them."""
        return len(self._cells.codes.centres) if self._cells is not None else 1

    def with_probes(self, probes: int) -> "PrefixIndex":
        """The same index, looking into so many cells, or all there are; itself if it has none."""
        if self._cells is not None and self.cells > 1:
            other = copy(self)
            other._cells = replace(self._cells, probes=max(1, min(probes, self.cells)))
            return other
        return self

    def write(self, path: Path) -> None:
        """Writes FAISS's own file format. Raises IndexStoreError when FAISS cannot."""
        try:
            load_faiss().write_index(self._index, str(path))
        except RuntimeError as error:
            raise IndexStoreError(f"FAISS could not write {path}: {reason(error)}") from error

    @property
    def nbytes(self) -> int:
        """Bytes it searches in: its own arrays, or the size of FAISS's serialised form, which is written to nowhere."""
        if self._cells is not None:
            return self._cells.nbytes
        faiss, sizes = load_faiss(), list[int]()

        def count(written: bytes) -> int:
            sizes.append(len(written))
            return len(written)

        faiss.write_index(self._index, faiss.PyCallbackIOWriter(count))
        return sum(sizes)

    def forget_faiss(self) -> None:
        """Lets go of FAISS's copy where the kernel has its own; it cannot be written any more."""
        if self._cells is not None:
            self._index = None


def _least(in_order: bool) -> int:
    return _LEAST_LOSSY if in_order else _LEAST_RERANKED


def build_prefix(vectors: StoredVectors, dim: int, codec: Codec) -> PrefixIndex:
    """A prefix index over all rows in order. Raises IndexStoreError as `filled`."""
    return PrefixIndex(filled(vectors, dim, codec))


def read_prefix(path: Path, count: int, dim: int) -> PrefixIndex:
    """Reads a prefix.faiss whose checksum has been verified; raises IndexStoreError unless it fits the manifest."""
    faiss, index = load_faiss(), read_faiss(path)
    if (index.ntotal, index.d, index.metric_type) != (count, dim, faiss.METRIC_INNER_PRODUCT):
        raise IndexStoreError(
            f"{path} holds {index.ntotal} × {index.d}, the manifest says {count} × {dim} inner product"
        )
    prefixes = PrefixIndex(index)
    prefixes.forget_faiss()
    return prefixes


def _all_of_the_best(
    search: Callable[[Vectors, int], tuple[Scores, Rows]], first: Rows, size: int, queries: Vectors
) -> Rows:
    """Rows of an exhaustive search of FAISS's, among which are the k best in our order; -1 for none.

    first: the first k of all `size` rows that are searched.

    FAISS keeps the higher row of two equals that straddle the k-th place and, from 20 queries on, multiplies
    matrices, whose edges round differently: equal vectors may differ in the last bits. So it is asked for more than
    k, until the last score it gives is clearly below the k-th.
    """
    k = len(first)
    asked = min(k + 1, size)
    found = np.full((len(queries), asked), -1, np.int64)
    zero = ~queries.any(axis=1)  # scores 0 with everything, so the first rows are the best
    found[zero, :k] = first
    waiting = np.flatnonzero(~zero)
    while len(waiting):
        scores, rows = search(queries[waiting], asked)
        done = np.array(scores[:, k - 1] - scores[:, -1] > NOISE) | (asked == size)
        if asked > found.shape[1]:  # padding by nothing would take a tenth of a small index's query
            found = np.pad(found, ((0, 0), (0, asked - found.shape[1])), constant_values=-1)
        found[waiting[done]] = rows[done]
        waiting = waiting[~done]
        asked = min(2 * asked, size)
    return found

"""Several indexes searched as one, stage by stage."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from mrl_search.errors import FunnelError
from mrl_search.funnel import Stage
from mrl_search.hits import Hits, Live, Rows, merge, unscored
from mrl_search.indexes.bounds import Bounds
from mrl_search.indexes.index import VectorIndex, not_whole
from mrl_search.indexes.prefix import PrefixIndex
from mrl_search.indexes.sketches import Sketches
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors


class SegmentedIndex(VectorIndex):
    """A VectorIndex over segments that were written one after the other, of equal widths and axes.

    Rows are numbered over all segments, those of deleted documents too. What the segments find is merged after every
    stage, so that the hits are those of one index over the same rows, if its prefixes are exact.
    """

    def __init__(self, segments: Sequence[VectorIndex], sizes: Sequence[int], prefix_dim: int, dim: int) -> None:
        """sizes: rows of each segment, deleted ones too. There may be no segment at all."""
        firsts = list(accumulate(sizes, initial=0))
        self._segments = list(segments)
        self._edges = list(pairwise(firsts))
        self._rows = firsts[-1]
        self._prefix_dim, self._dim = prefix_dim, dim

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    @property
    def rows(self) -> Rows:
        """See VectorIndex."""
        parts = [index.rows + first for (first, _), index in self._parts()]
        return np.concatenate([np.empty(0, np.int64), *parts])

    @property
    def is_whole(self) -> bool:
        """See VectorIndex."""
        return False

    def among(self, live: Live) -> "SegmentedIndex":
        """See VectorIndex. live: (rows of all segments,)."""
        return self._of([index.among(live[slice(*edges)]) for edges, index in self._all()])

    @property
    def prefixes(self) -> PrefixIndex | None:
        """Each segment's are its own. Raises IndexStoreError."""
        raise not_whole(len(self._segments), self._rows - len(self))

    @property
    def stored(self) -> StoredVectors:
        """Each segment's are its own. Raises IndexStoreError."""
        raise not_whole(len(self._segments), self._rows - len(self))

    @property
    def dim(self) -> int:
        """See VectorIndex."""
        return self._dim

    @property
    def prefix_dim(self) -> int:
        """See VectorIndex."""
        return self._prefix_dim

    @property
    def sketches(self) -> Sketches | None:
        """None: each segment's are its own."""
        return None

    @property
    def bounds(self) -> Bounds | None:
        """Those of the first segment that has any; a proof uses each segment's own."""
        return next((index.bounds for index in self._segments if index.bounds is not None), None)

    @property
    def prefix_bytes(self) -> int:
        """See VectorIndex."""
        return sum(index.prefix_bytes for index in self._segments)

    @property
    def vector_bytes(self) -> int:
        """See VectorIndex."""
        return sum(index.vector_bytes for index in self._segments)

    @property
    def sketch_bytes(self) -> int:
        """See VectorIndex."""
        return sum(index.sketch_bytes for index in self._segments)

    @property
    def cells(self) -> int:
        """The most that a segment has."""
        return max((index.cells for index in self._segments), default=1)

    def with_probes(self, probes: int) -> "SegmentedIndex":
        """See VectorIndex; of each segment."""
        return self._of([index.with_probes(probes) for index in self._segments])

    def shortlist(self, queries: Vectors, stage: Stage, *, in_order: bool = True) -> Hits:
        """See VectorIndex; scored, or there would be nothing to merge by, unless all are reranked as they are."""
        if not self._segments and stage.dim not in (self._prefix_dim, self._dim):
            raise FunnelError(f"the funnel starts at {stage.dim} dims, wanted {self._prefix_dim} or {self._dim}")
        parts, waits = [], not in_order and self._may_wait(stage)
        for (first, _), index in self._parts():
            if len(index) <= stage.k and stage.dim == self._prefix_dim:  # all of them: nothing to choose by
                hits = unscored(np.tile(index.rows, (len(queries), 1)))
            else:
                hits = index.shortlist(queries, stage, in_order=in_order)
            if not waits and hits.sums is None and np.isneginf(hits.scores).all():
                hits = index.rerank(queries, hits, stage)
            parts.append(hits.moved(first))
        if waits:
            return unscored(np.concatenate([part.rows for part in parts], axis=1))
        return self._merged(queries, parts, stage)

    def _may_wait(self, stage: Stage) -> bool:
        """Whether what all segments find may be reranked without a choice between them: they are at most twice as many
        as one would find, and some were chosen by codes, so that they need not be those of one index. Over a large
        segment and a small one a query then takes two thirds of the time (docs/benchmarks.md).
        """
        lossy = [index.prefixes is not None and not index.prefixes.is_exhaustive for _, index in self._parts()]
        found = sum(min(len(index), stage.k) for _, index in self._parts())
        return stage.dim == self._prefix_dim and any(lossy) and found <= 2 * stage.k

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        """See VectorIndex."""
        parts = []
        for (first, last), index in self._parts():
            inside = (hits.rows >= first) & (hits.rows < last)
            if most := int(inside.sum(axis=1).max(initial=0)):
                if len(queries) == 1:  # nothing to sort
                    rows = hits.rows[inside][None] - first
                else:
                    places = np.argsort(~inside, axis=1, kind="stable")[:, :most]
                    rows = np.take_along_axis(np.where(inside, hits.rows - first, -1), places, axis=1)
                parts.append(index.rerank(queries, unscored(rows), stage).moved(first))
        return self._merged(queries, parts, stage)

    def let_go(self) -> None:
        """See VectorIndex."""
        for index in self._segments:
            index.let_go()

    def proven(self, queries: Vectors, hits: Hits) -> Hits:
        """See VectorIndex: of every segment the best of all rows that reach the k-th score of all hits."""
        parts = [index.proven(queries, hits).moved(first) for (first, _), index in self._parts()]
        return merge(parts, hits.rows.shape[1]) if parts else hits

    def overlooks(self, stage: Stage) -> bool:
        """See VectorIndex."""
        return any(index.overlooks(stage) for _, index in self._parts())

    def take(self, rows: Rows) -> Vectors:
        """See VectorIndex."""
        found = np.empty((len(rows), self._dim), np.float32)
        for (first, last), index in self._parts():
            inside = (rows >= first) & (rows < last)
            found[inside] = index.take(rows[inside] - first)
        return found

    def gathered(self, rows: Rows) -> Vectors:
        """See VectorIndex."""
        found = np.empty((len(rows), self._dim), np.float32)
        for (first, last), index in self._parts():
            inside = (rows >= first) & (rows < last)
            found[inside] = index.gathered(rows[inside] - first)
        return found

    def _parts(self) -> list[tuple[tuple[int, int], VectorIndex]]:
        """(its first row and the one after its last, the segment) of all that have a document."""
        return [(edges, index) for edges, index in self._all() if len(index)]

    def _all(self) -> list[tuple[tuple[int, int], VectorIndex]]:
        return list(zip(self._edges, self._segments, strict=True))

    def _of(self, segments: list[VectorIndex]) -> "SegmentedIndex":
        return SegmentedIndex(segments, [last - first for first, last in self._edges], self._prefix_dim, self._dim)

    def _merged(self, queries: Vectors, parts: list[Hits], stage: Stage) -> Hits:
        nothing = unscored(np.full((len(queries), 1), -1, np.int64))
        return merge(parts or [nothing], self._at_most(stage.k))

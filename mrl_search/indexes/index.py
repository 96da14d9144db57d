"""One index in memory: stored vectors and a prefix index over them, behind two verbs."""

import numpy as np

from mrl_search.errors import FunnelError, IndexStoreError
from mrl_search.funnel import Stage
from mrl_search.hits import Hits, Live, Rows, unscored, without
from mrl_search.indexes.bounds import Bounds
from mrl_search.indexes.exhaustive import compared, exact
from mrl_search.indexes.prefix import PrefixIndex
from mrl_search.indexes.proving import proven
from mrl_search.indexes.scoring import scored
from mrl_search.indexes.sketches import Sketches
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors

_FEW = 1_000  # rows; of no more than these, each is compared, whatever structure the prefixes stand in


class VectorIndex:
    """`shortlist` and `rerank` over (n, dim) stored vectors.

    Every score is the cosine of two prefixes of the stage's width, or -inf of a row that is yet to be reranked.
    Without prefixes every first stage compares all stored vectors, at whatever width, exactly and slowly.
    """

    def __init__(
        self,
        vectors: StoredVectors,
        prefixes: PrefixIndex | None = None,
        sketches: Sketches | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._vectors = vectors
        self._prefixes = prefixes
        self._sketches = sketches
        self._bounds = bounds
        self._live: Live | None = None
        self._count = len(vectors)

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> Rows:
        """The rows it may find, in order."""
        return np.arange(len(self)) if self._live is None else np.flatnonzero(self._live)

    @property
    def is_whole(self) -> bool:
        """Whether it is one segment, of which no row was left out."""
        return self._live is None

    def among(self, live: Live) -> "VectorIndex":
        """The same index, which finds none but the live ones of its rows; rows keep their numbers."""
        if self._live is not None:
            live = live & self._live
        prefixes = self._prefixes.among(live) if self._prefixes is not None else None
        index = VectorIndex(self._vectors, prefixes, self._sketches, self._bounds)
        index._live, index._count = live, int(live.sum())
        return index

    @property
    def prefixes(self) -> PrefixIndex | None:
        """The prefix index, if there is one."""
        return self._prefixes

    @property
    def where(self) -> str:
        """What searches, for people."""
        return "cpu"

    @property
    def dim(self) -> int:
        """The stored width."""
        return self._vectors.dim

    @property
    def stored(self) -> StoredVectors:
        """The full vectors, as they are stored. Raises IndexStoreError where some of them were deleted."""
        if self._live is not None:
            raise not_whole(1, len(self._live) - len(self))
        return self._vectors

    @property
    def sketches(self) -> Sketches | None:
        """Of the full vectors, if there are any."""
        return self._sketches

    @property
    def bounds(self) -> Bounds | None:
        """Of the full vectors' cosines, if there are any: what spares `proven` to compare all vectors."""
        return self._bounds

    @property
    def prefix_dim(self) -> int:
        """The width of the prefix index; the stored width if there is none."""
        return self._prefixes.dim if self._prefixes is not None else self.dim

    @property
    def prefix_bytes(self) -> int:
        """Bytes the prefix index holds in RAM."""
        return self._prefixes.nbytes if self._prefixes is not None else 0

    @property
    def vector_bytes(self) -> int:
        """Bytes of all stored vectors, in full."""
        return int(self._vectors.data.nbytes)

    @property
    def sketch_bytes(self) -> int:
        """Bytes of all sketches, which are read from disk; 0 if there are none."""
        return self._sketches.codes.nbytes if self._sketches is not None else 0

    @property
    def cells(self) -> int:
        """Cells of the prefix index, of which a shortlist looks into some; 1 if it has none."""
        return self._prefixes.cells if self._prefixes is not None else 1

    def with_probes(self, probes: int) -> "VectorIndex":
        """The same index, whose shortlist looks into so many cells of its prefix index, if that has cells."""
        prefixes = self._prefixes.with_probes(probes) if self._prefixes is not None else None
        index = VectorIndex(self._vectors, prefixes, self._sketches, self._bounds)
        index._live, index._count = self._live, self._count
        return index

    def shortlist(self, queries: Vectors, stage: Stage, *, in_order: bool = True) -> Hits:
        """The stage.k best rows of all, for (q, D) queries with D >= stage.dim.

        At the prefix's width the prefix index answers; at the stored width
        every stored vector is compared, exactly and slowly.
        in_order: False where the hits are reranked next: they may then come in any order, their scores -inf.
        Raises FunnelError at any other width.
        """
        k = self._at_most(stage.k)
        _demand_width(queries, stage)
        if self._live is not None and len(self) <= _FEW and stage.dim in (self.prefix_dim, self.dim):
            return compared(self._vectors, queries, self.rows, stage.dim, k)
        if self._prefixes is not None and stage.dim == self.prefix_dim:
            rows = self._prefixes.candidates(queries, k, in_order=in_order)
            if self._live is not None:
                rows = self._completed(rows, queries, stage.dim, k)
            if rows.shape[1] == k and not in_order:
                return unscored(rows)
            return scored(self._vectors, queries, rows, stage.dim, k)
        if self._prefixes is None or stage.dim == self.dim:
            return exact(self._vectors, queries, [stage.dim], k, self._live)[stage.dim]
        raise FunnelError(
            f"the funnel starts at {stage.dim} dims, but this index was built for {self.prefix_dim}; "
            f"start at {self.prefix_dim} (or at {self.dim}: exact, over all vectors), "
            f"or rebuild with --dims {stage.dim},{self.dim}"
        )

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        """The stage.k best of the given hits, scored anew at the stage's width.

        At the stored width only those of unscored hits that are near by their sketches, if the index has sketches.
        """
        if stage.dim > self.dim:
            raise FunnelError(f"the funnel asks for {stage.dim} dims, but this index stores {self.dim}")
        _demand_width(queries, stage)
        k, rows = self._at_most(stage.k), without(hits.rows, self._live)
        if self._sketches is not None and stage.dim == self.dim and hits.sums is None:
            rows = self._sketches.narrowed(queries, rows, k)
        return scored(self._vectors, queries, rows, stage.dim, k, hits.sums)

    def let_go(self) -> None:
        """Releases the pages that reranks have mapped, as `StoredVectors.let_go`."""
        self._vectors.let_go()

    def proven(self, queries: Vectors, hits: Hits) -> Hits:
        """The exact k best of all rows at the stored width, from (q, k) hits with such scores; see `proven`."""
        _demand_width(queries, Stage(self.dim, 1))
        return proven(self._vectors, self._bounds, queries, hits, self._live)

    def overlooks(self, stage: Stage) -> bool:
        """Whether a funnel that begins so may miss a row by an estimate, be it that of its codes or of sketches."""
        if self._prefixes is None or (stage.dim == self.dim != self.prefix_dim):
            return False
        return self._sketches is not None or not self._prefixes.is_exhaustive

    def take(self, rows: Rows) -> Vectors:
        """The stored vectors of those rows as unit float32, in the axes they are stored in."""
        return self._vectors.take(rows, self.dim)

    def gathered(self, rows: Rows) -> Vectors:
        """The stored vectors of those rows as they are stored, of any length: to be packed again without a loss."""
        return self._vectors.gathered(rows, self.dim)

    def _at_most(self, k: int) -> int:
        """No more places than there are rows: a funnel may ask for a billion, and each place takes memory."""
        return max(1, min(k, len(self)))

    def _completed(self, rows: Rows, queries: Vectors, dim: int, k: int) -> Rows:
        """(q, m) candidates, of which a query that has fewer than k live ones gets the exact ones."""
        short = (rows >= 0).sum(axis=1) < k
        if short.any():
            rows = np.pad(rows, ((0, 0), (0, max(0, k - rows.shape[1]))), constant_values=-1)
            rows[short, :k] = exact(self._vectors, queries[short], [dim], k, self._live)[dim].rows
            rows[short, k:] = -1
        return rows


def not_whole(segments: int, dead: int) -> IndexStoreError:
    """For whoever would read the vectors of all documents in one pass."""
    many = f"{segments:,} segment{'s' * (segments != 1)}"
    return IndexStoreError(
        f"these documents lie in {many} beside {dead:,} deleted ones, which this cannot work with; "
        "run `mrl-search compact INDEX` first"
    )


def _demand_width(queries: Vectors, stage: Stage) -> None:
    if queries.shape[1] < stage.dim:
        raise FunnelError(f"the stage {stage} is wider than the queries, which have {queries.shape[1]} dims")

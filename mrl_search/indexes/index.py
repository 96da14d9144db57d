"""One index in memory: stored vectors and a prefix index over them, behind two verbs."""

from functools import partial

from mrl_search.errors import DimensionError, FunnelError
from mrl_search.funnel import Stage
from mrl_search.hits import Hits, best, regroup
from mrl_search.indexes.prefix import PrefixIndex, scan
from mrl_search.indexes.scoring import scores_of
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors, prefix


class VectorIndex:
    """`shortlist` and `rerank` over (n, dim) stored vectors.

    Every score is the cosine of two prefixes of the stage's width.
    """

    def __init__(self, vectors: StoredVectors, prefixes: PrefixIndex) -> None:
        self._vectors = vectors
        self._prefixes = prefixes

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def dim(self) -> int:
        """The stored width."""
        return self._vectors.dim

    @property
    def prefix_dim(self) -> int:
        """The width of the prefix index."""
        return self._prefixes.dim

    @property
    def prefix_bytes(self) -> int:
        """Bytes the prefix index holds in RAM."""
        return self._prefixes.nbytes

    def shortlist(self, queries: Vectors, stage: Stage) -> Hits:
        """The stage.k best rows of all, for (q, D) queries with D >= stage.dim.

        At the prefix's width the prefix index answers; at the stored width
        every stored vector is compared, exactly and slowly. Raises FunnelError
        at any other width.
        """
        if stage.dim == self.prefix_dim:
            return self._prefixes.search(_cut(queries, stage), self._at_most(stage.k))
        if stage.dim == self.dim:
            return scan(self._vectors, _cut(queries, stage), self._at_most(stage.k))
        raise FunnelError(
            f"the funnel starts at {stage.dim} dims, but this index was built for {self.prefix_dim}; "
            f"start at {self.prefix_dim} (or at {self.dim}: exact, over all vectors), "
            f"or rebuild with --dims {stage.dim},{self.dim}"
        )

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        """The stage.k best of the given hits, scored anew at the stage's width."""
        if stage.dim > self.dim:
            raise FunnelError(f"the funnel asks for {stage.dim} dims, but this index stores {self.dim}")
        owners, rows = hits.pairs()
        take = partial(self._vectors.take, dim=stage.dim)
        scores = scores_of(_cut(queries, stage), owners, rows, take)
        return best(*regroup(owners, rows, scores, len(queries)), self._at_most(stage.k))

    def _at_most(self, k: int) -> int:
        """No more places than there are rows: a funnel may ask for a billion, and each place takes memory."""
        return min(k, len(self))


def _cut(queries: Vectors, stage: Stage) -> Vectors:
    """Query prefixes of the stage's width."""
    try:
        return prefix(queries, stage.dim)
    except DimensionError as error:
        raise FunnelError(f"the stage {stage} is wider than the queries: {error}") from error

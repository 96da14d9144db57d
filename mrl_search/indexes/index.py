"""One index in memory: stored vectors and a prefix index over them, behind two verbs."""

import numpy as np

from mrl_search.errors import DimensionError, FunnelError
from mrl_search.funnel import Stage
from mrl_search.hits import Hits, Rows, Scores, best, regroup
from mrl_search.indexes.prefix import PrefixIndex, scan
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import Vectors, prefix

_GATHERED = 8_192  # (query, row) pairs scored at a time; at 768 dims two buffers of 25 MB


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
            return self._prefixes.search(_cut(queries, stage), stage.k)
        if stage.dim == self.dim:
            return scan(self._vectors, _cut(queries, stage), stage.k)
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
        scores = self._cosines(_cut(queries, stage), owners, rows)
        return best(*regroup(owners, rows, scores, len(queries)), stage.k)

    def _cosines(self, queries: Vectors, owners: Rows, rows: Rows) -> Scores:
        """The cosine of queries[owners[i]] and stored row rows[i], for every i."""
        dim = queries.shape[1]
        scores = np.empty(len(rows), dtype=np.float32)
        order = np.argsort(rows, kind="stable")  # visits the file front to back; undone by the assignment
        for start in range(0, len(order), _GATHERED):
            some = order[start : start + _GATHERED]
            documents = self._vectors.take(rows[some], dim)  # (m, dim)
            # einsum and not a matrix product: it adds each row up in the same order, so equal rows score equal
            scores[some] = np.einsum("ij,ij->i", queries[owners[some]], documents)
        return scores


def _cut(queries: Vectors, stage: Stage) -> Vectors:
    """Query prefixes of the stage's width."""
    try:
        return prefix(queries, stage.dim)
    except DimensionError as error:
        raise FunnelError(f"the stage {stage} is wider than the queries: {error}") from error

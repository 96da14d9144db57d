"""What a funnel is tuned by: queries, and the exact answers of all widths to them, found in one pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mrl_search.data import read_queries
from mrl_search.funnel import Stage
from mrl_search.hits import Rows
from mrl_search.indexes import StoredIndex, exact
from mrl_search.retriever import Retriever
from mrl_search.vectors import Vectors

DOCUMENTS = "documents"
_SEED = 0
_Z = 1.96  # of a normal distribution, .975


@dataclass(frozen=True)
class Asked:
    """vectors: (q, D) unit rows in the index's axes. own: (q,) the row each of them is, which is no answer; or -1.

    source: the file of queries, or DOCUMENTS.
    """

    vectors: Vectors
    own: Rows
    source: str

    @property
    def extra(self) -> int:
        """Places that a query's own row takes in every list."""
        return int(self.source == DOCUMENTS)

    def without_own(self, rows: Rows) -> Rows:
        """(q, m): the lists of (q, m + extra) rows without the query's own one (or their last), in the same order."""
        if not self.extra:
            return rows
        keep = rows != self.own[:, None]
        keep[keep.all(axis=1), -1] = False
        return np.asarray(rows[keep].reshape(len(rows), -1))

    def some(self, count: int) -> "Asked":
        """The first of them."""
        return Asked(self.vectors[:count], self.own[:count], self.source)


def asked_of(retriever: Retriever, queries: str | None, count: int) -> Asked:
    """The queries of a file, encoded; or vectors of at most `count` documents, drawn with a fixed seed."""
    stored = retriever.stored
    if queries is not None:
        encoded = retriever.checked_queries(retriever.encode(list(read_queries(queries).values())))
        return Asked(encoded[:, : stored.manifest.dim], np.full(len(encoded), -1), queries)
    return sampled_documents(stored, count)


def sampled_documents(stored: StoredIndex, count: int) -> Asked:
    """Documents as queries, their own rows no answers."""
    rows = np.random.default_rng(_SEED).permutation(len(stored.vectors))[:count]
    return Asked(stored.vectors.stored.take(rows, stored.manifest.dim), rows.astype(np.int64), DOCUMENTS)


@dataclass(frozen=True)
class Lists:
    """The rows nearest to every query, exactly and in order, by every width; its own row left out.

    by: width → (q, depth). The widest is the full width, whose first k are the answers that are wanted.
    """

    by: dict[int, Rows]
    k: int
    documents: int

    @property
    def true(self) -> Rows:
        """(q, k): the answers."""
        return self.by[max(self.by)][:, : self.k]

    @property
    def depth(self) -> int:
        """Places that are known."""
        return int(self.by[min(self.by)].shape[1])

    def ranks(self, dim: int) -> NDArray[np.float64]:
        """(q, k): the place of every answer, from 1, in the list by `dim`; infinity beyond its end."""
        return ranks(self.true, self.by[dim])


def lists(stored: StoredIndex, asked: Asked, dims: Sequence[int], k: int, depth: int) -> Lists:
    """One pass over the stored vectors for all widths; depth: places that are found, at most as many as there are.

    dims: besides the full width; none for a cluster, whose shards each pass over their own.
    """
    depth, full = min(max(depth, k), len(stored.vectors) - asked.extra), stored.manifest.dim
    if dims:
        found = exact(stored.vectors.stored, asked.vectors, [*dims, full], depth + asked.extra)
    else:
        found = {full: stored.vectors.shortlist(asked.vectors, Stage(full, depth + asked.extra))}
    by = {dim: asked.without_own(hits.rows) for dim, hits in found.items()}
    return Lists(by, min(k, depth), len(stored.vectors))


def ranks(true: Rows, found: Rows) -> NDArray[np.float64]:
    """(q, k): the place of each true row in the (q, m) rows found, from 1; infinity for one that is not there."""
    places = np.full(true.shape, np.inf)
    for answer in range(true.shape[1]):
        same = found == true[:, answer, None]
        places[:, answer] = np.where(same.any(axis=1), same.argmax(axis=1) + 1, np.inf)
    return places


def shares(true: Rows, found: Rows) -> NDArray[np.float64]:
    """(q,): the share of each query's true rows that were found."""
    return np.asarray(np.isfinite(ranks(true, found)).mean(axis=1))


def surely(values: NDArray[np.float64]) -> float:
    """The lower end of the 95 % interval of the mean, by the normal distribution: quick, for the search alone."""
    return float(values.mean() - _Z * values.std() / np.sqrt(len(values)))


def fewest(places: NDArray[np.float64], target: float) -> int | None:
    """How many candidates surely hold the target's share of the answers at these (q, k) places; None if none do."""
    known = places[np.isfinite(places)]
    for count in np.unique(known).tolist():
        if surely((places <= count).mean(axis=1)) >= target:
            return int(count)
    return None

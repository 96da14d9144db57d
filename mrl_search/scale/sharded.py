"""Shards searched as one index, merged after every stage."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from mrl_search.errors import ClusterError, FilterError
from mrl_search.funnel import Stage
from mrl_search.hits import Hits, Live, Rows, merge
from mrl_search.indexes import Bounds, PrefixIndex, Sketches, StoredVectors, VectorIndex, compiled
from mrl_search.scale.shard import Facts
from mrl_search.terms import terms
from mrl_search.vectors import Vectors


class Shards(Protocol):
    """Where shards are, and how they are asked; this alone knows of threads, processes and hosts."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of all shards, those too that do not answer."""

    @property
    def states(self) -> Mapping[str, str]:
        """What each had committed when it was opened (see `cluster.state_of`)."""

    def ask(self, verb: str, *values: Any) -> Mapping[str, Any]:
        """What each shard answers (see `Shard`), all asked at once, within `terms()`; who is silent is not in it.

        Raises what a shard raises on purpose.
        """

    def close(self) -> None:
        """Lets go of them."""


class ShardedIndex(VectorIndex):
    """A VectorIndex over shards of equal widths and axes. Rows are positions in the whole.

    Merged after every stage, by scores of the vectors and then by position: so the hits are those of one index of all
    documents, ties included, if its prefixes are exact. (Codes that are not find other candidates in other company.)
    A shard that does not answer is an error, unless `terms()` say otherwise.
    """

    def __init__(
        self, shards: Shards, widths: tuple[int, int], among: tuple["ShardedIndex", str] | None = None
    ) -> None:
        """widths: the prefixes' and the stored one. among: an index of which only the documents a filter passes are."""
        self._shards, self._widths = shards, widths
        self._where = None if among is None else among[1]
        self.facts: Mapping[str, Facts] = self.ask_each("facts") if among is None else among[0].facts
        self._count = sum(one.documents for one in self.facts.values()) if among is None else self._passing(among[1])

    def __len__(self) -> int:
        return self._count

    @property
    def is_whole(self) -> bool:
        """See VectorIndex."""
        return False

    @property
    def dim(self) -> int:
        """See VectorIndex."""
        return self._widths[1]

    @property
    def prefix_dim(self) -> int:
        """See VectorIndex."""
        return self._widths[0]

    @property
    def prefix_bytes(self) -> int:
        """See VectorIndex; of one replica of each shard."""
        return sum(one.prefix_bytes for one in self.facts.values())

    @property
    def cells(self) -> int:
        """1: how many cells a shard looks into was settled when it was built."""
        return 1

    @property
    def where(self) -> str:
        """See VectorIndex; on what card a shard is that is on one, and over what."""
        on = Counter(one.where for one in self.facts.values() if one.where != "cpu")
        told = [f"{count} of them on {where}" for where, count in on.items()]
        return ", ".join([f"{len(self._shards.names)} shards", *told])

    @property
    def sketches(self) -> Sketches | None:
        """None: each shard's are its own."""
        return None

    @property
    def bounds(self) -> Bounds | None:
        """None: each shard's are its own, and a proof uses them where they are."""
        return None

    @property
    def prefixes(self) -> PrefixIndex | None:
        """Each shard's are its own. Raises ClusterError."""
        raise _apart()

    @property
    def stored(self) -> StoredVectors:
        """Each shard's are its own. Raises ClusterError."""
        raise _apart()

    @property
    def rows(self) -> Rows:
        """Each shard knows its own. Raises ClusterError."""
        raise _apart()

    def among(self, live: Live) -> VectorIndex:
        """A cluster is filtered by `passing`, where its documents lie. Raises ClusterError."""
        raise _apart()

    def passing(self, where: str) -> "ShardedIndex":
        """Of the documents that a filter passes only. Raises FilterError for one that cannot be read, or is about a
        field that no document of any shard has."""
        compiled(where)
        return ShardedIndex(self._shards, self._widths, (self, where))

    def shortlist(self, queries: Vectors, stage: Stage, *, in_order: bool = True) -> Hits:
        """See VectorIndex; in order, whatever was asked for: there would be nothing to merge by."""
        return self.merged("shortlist", stage.k, queries, stage)

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        """See VectorIndex."""
        return self.merged("rerank", stage.k, queries, hits._replace(sums=None), stage)

    def proven(self, queries: Vectors, hits: Hits) -> Hits:
        """See VectorIndex: of every shard the best of all rows that reach the k-th score of all hits."""
        return self.merged("proven", hits.rows.shape[1], queries, hits._replace(sums=None))

    def overlooks(self, stage: Stage) -> bool:
        """See VectorIndex."""
        return any(one.overlooks for one in self.facts.values()) and not (stage.dim == self.dim != self.prefix_dim)

    def let_go(self) -> None:
        """Nothing: what shards have mapped is theirs."""

    def take(self, rows: Rows) -> Vectors:
        """See VectorIndex."""
        found = np.zeros((len(rows), self.dim), np.float32)
        for places, vectors in self.ask_each("take", rows).values():
            found[places] = vectors
        return found

    def ask(self, verb: str, *values: Any) -> dict[int, Any]:
        """What shards know of rows, each of its own, by row."""
        return {row: one for answer in self.ask_each(verb, *values).values() for row, one in answer.items()}

    def merged(self, verb: str, k: int, *values: Any) -> Hits:
        """The k best of what shards find, each of its own that pass the filter."""
        return merge(list(self.ask_each(verb, *values, self._where).values()), self._at_most(k))

    def _passing(self, where: str) -> int:
        told = self.ask_each("passing", where).values()
        known = [count for count in told if isinstance(count, int)]
        if not known:
            raise FilterError(next(iter(told)))
        return sum(known)

    def ask_each(self, verb: str, *values: Any) -> Mapping[str, Any]:
        """What each shard answers, by its name. Raises ShardsMissingError unless `terms()` let it be lacking."""
        answers = self._shards.ask(verb, *values)
        terms().settle(self._shards.names, list(answers))
        return answers


def _apart() -> ClusterError:
    return ClusterError("this works with the vectors of one index, and a cluster's lie in its shards; name one of them")

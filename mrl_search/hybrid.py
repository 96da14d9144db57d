"""Words and vectors together: what either finds, scored by both, and fused."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from mrl_search.funnel import Stage
from mrl_search.fusion import Fusion
from mrl_search.hits import Hits, Rows, Scores, unscored
from mrl_search.indexes import Said, StoredIndex
from mrl_search.plan import Hybrid
from mrl_search.run import ScoredDoc, ranked
from mrl_search.vectors import Vectors


class Side(NamedTuple):
    """What one side finds of a query: rows and their scores, best first, equals by row."""

    rows: Rows
    scores: Scores

    def documents(self, ids: dict[int, str] | Sequence[str]) -> list[ScoredDoc]:
        """The same as documents; ids: by row."""
        return ranked([ids[row] for row in self.rows.tolist()], self.scores.tolist())

    def among(self, ids: dict[int, str]) -> "Side":
        """Only rows whose ids are known."""
        known = np.array([row in ids for row in self.rows.tolist()], np.bool_)
        return Side(self.rows[known], self.scores[known])


class Sides(NamedTuple):
    """By vectors (cosines) and by words (BM25)."""

    vectors: Side
    words: Side


class Fused(NamedTuple):
    """The best of both, best first, and the row of each id."""

    ranking: list[ScoredDoc]
    rows: dict[str, int]


class Reranks(Protocol):
    """All that a fusion asks of an index; see VectorIndex."""

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        """The stage.k best of the hits at stage.dim."""


def sides(index: Reranks, queries: Vectors, near: Hits, said: Said, fusion: Fusion, dim: int) -> list[Sides]:
    """Both sides of every query. Where scores are added, what either finds is scored by both; ranks are of what each
    finds.

    queries: (q, D) in the index's axes. near: what they found, at the width `dim`.
    """
    if fusion.adds_scores:
        rows = _either(near, said.rows)
        near = index.rerank(queries, unscored(rows), Stage(dim, rows.shape[1]))
    close = [near.of(query) for query in range(len(said.rows))]
    named = [rows for _, rows in close] if fusion.adds_scores else said.rows
    return [
        Sides(Side(rows, cosines), Side(spoken, scores))
        for (cosines, rows), spoken, scores in zip(close, named, said.score(named), strict=True)
    ]


def fuse(stored: StoredIndex, both: Sides, hybrid: Hybrid) -> Fused:
    """The best documents of an index by what both sides say of them.

    Of a cluster, a shard with some of them may have gone meanwhile.
    """
    ids = stored.ids(np.union1d(both.vectors.rows, both.words.rows).tolist())
    by_vectors, by_words = (side.among(ids).documents(ids) for side in both)
    ranking = hybrid.fusion(by_vectors, by_words, hybrid.k)
    rows = {name: row for row, name in ids.items()}
    return Fused(ranking, {document.id: rows[document.id] for document in ranking})


def _either(near: Hits, said: Sequence[Rows]) -> Rows:
    """(q, m): each query's rows that vectors or words found, each once; -1 fills up."""
    rows = [np.union1d(near.of(query)[1], found) for query, found in enumerate(said)]
    filled = np.full((len(rows), max([1, *map(len, rows)])), -1, np.int64)
    for query, some in enumerate(rows):
        filled[query, : len(some)] = some
    return filled

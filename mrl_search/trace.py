"""A search that remembers what every stage found and how long it took."""

import time
from dataclasses import dataclass
from typing import NamedTuple

from mrl_search.funnel import Funnel, Stage
from mrl_search.hits import Hits
from mrl_search.retriever import Answer, Index, Retriever, search
from mrl_search.vectors import Vectors


class StageTrace(NamedTuple):
    """What one stage left of one query: document id → (rank from 1, score), and its time."""

    stage: Stage
    ranks: dict[str, tuple[int, float]]
    time_ms: float


@dataclass(frozen=True)
class Traced:
    """The answers to one query, and each stage on the way to them."""

    funnel: Funnel
    answers: list[Answer]
    stages: list[StageTrace]

    @property
    def time_ms(self) -> float:
        """All stages together; encoding and the reading of texts are not in it."""
        return sum(stage.time_ms for stage in self.stages)


class _Recorder:
    """An Index that keeps the hits and the time of every call."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.calls: list[tuple[Stage, Hits, float]] = []

    def shortlist(self, queries: Vectors, stage: Stage, *, in_order: bool = True) -> Hits:
        start = time.perf_counter()
        hits = self._index.shortlist(queries, stage, in_order=in_order)
        time_ms = _since(start)
        # what is shown has ranks; to find them is not the search's time
        self.calls.append((stage, hits if in_order else self._index.rerank(queries, hits, stage), time_ms))
        return hits

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        start = time.perf_counter()
        hits = self._index.rerank(queries, hits, stage)
        self.calls.append((stage, hits, _since(start)))
        return hits


def _since(start: float) -> float:
    return 1000 * (time.perf_counter() - start)


def traced_search(retriever: Retriever, query: Vectors, funnel: Funnel) -> Traced:
    """Searches for one (1, D) query vector; the answers are those of `Retriever.search_vectors`."""
    recorder = _Recorder(retriever.stored.vectors)
    hits = search(recorder, retriever.checked_queries(query), funnel)
    stages = []
    for stage, found, time_ms in recorder.calls:
        ranked = retriever.scored(found, 0)
        stages.append(StageTrace(stage, {d.id: (rank, d.score) for rank, d in enumerate(ranked, 1)}, time_ms))
    return Traced(funnel, retriever.answers(hits, 0), stages)

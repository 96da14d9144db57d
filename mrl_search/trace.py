"""A search that remembers what every stage found and how long it took."""

import time
from dataclasses import dataclass
from typing import NamedTuple

from mrl_search.funnel import Funnel, Stage
from mrl_search.guarantee import Certificates, certificates
from mrl_search.hits import Hits
from mrl_search.retriever import Answer, Index, Retriever, search
from mrl_search.vectors import Vectors


class StageTrace(NamedTuple):
    """What one stage left of one query: document id → (rank from 1, score), and its time.

    name: the stage as a funnel writes it, or `proof`.
    """

    name: str
    ranks: dict[str, tuple[int, float]]
    time_ms: float


@dataclass(frozen=True)
class Traced:
    """The answers to one query, each stage on the way to them (a proof is the last), and what all this proves."""

    funnel: Funnel
    answers: list[Answer]
    stages: list[StageTrace]
    certificate: Certificates

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


def traced_search(
    retriever: Retriever, query: Vectors, funnel: Funnel, *, proof: bool = False, where: str | None = None
) -> Traced:
    """Searches for one (1, D) query vector; the answers are those of `Retriever.search_vectors`."""
    index = retriever.index(where)
    recorder, queries = _Recorder(index), retriever.checked_queries(query)
    hits = search(recorder, queries, funnel)
    names = [str(stage) for stage in funnel.stages]
    if proof:
        start = time.perf_counter()
        hits = index.proven(queries, hits)
        recorder.calls.append((funnel.stages[-1], hits, _since(start)))
        names.append("proof")
        certificate = Certificates.proven(1)
    else:
        certificate = certificates(index, queries, [call[:2] for call in recorder.calls])
    stages = []
    for name, (_, found, time_ms) in zip(names, recorder.calls, strict=True):
        ranked = retriever.scored(found, 0)
        stages.append(StageTrace(name, {d.id: (rank, d.score) for rank, d in enumerate(ranked, 1)}, time_ms))
    return Traced(funnel, retriever.answers(hits, 0), stages, certificate)

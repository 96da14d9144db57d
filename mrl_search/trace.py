"""A search that remembers what every stage found and how long it took."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mrl_search.funnel import Funnel, Stage
from mrl_search.fusion import Fusion
from mrl_search.guarantee import Certificates, certificates
from mrl_search.hits import Hits
from mrl_search.hybrid import Side, fuse, sides
from mrl_search.plan import Plan
from mrl_search.retriever import Answer, Index, Retriever, search
from mrl_search.run import ScoredDoc
from mrl_search.vectors import Vectors


class StageTrace(NamedTuple):
    """What one stage left of one query: document id → (rank from 1, score), and its time.

    name: the stage as a funnel writes it, `proof`, `words`, or the way in which both sides were fused.
    """

    name: str
    ranks: dict[str, tuple[int, float]]
    time_ms: float


@dataclass(frozen=True)
class Traced:
    """The answers to one query, each stage on the way to them (a proof is the last), and what all this proves.

    certificate: None where words joined in, of which nothing is proven.
    """

    funnel: Funnel
    answers: list[Answer]
    stages: list[StageTrace]
    certificate: Certificates | None
    fusion: Fusion | None = None

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
    calls = zip(names, recorder.calls, strict=True)
    stages = [_stage(name, retriever.scored(found, 0), time_ms) for name, (_, found, time_ms) in calls]
    return Traced(funnel, retriever.answers(hits, 0), stages, certificate)


def traced_hybrid(retriever: Retriever, text: str, query: Vectors, plan: Plan) -> Traced:
    """As `traced_search`, by a (1, D) query vector and the text it is of; the answers are those of `Retriever.search`.

    What only words found has been scored by vectors, too, if scores are added: a stage says so, as `768:143`.
    """
    assert plan.hybrid is not None
    recorder, queries = _Recorder(retriever.index(plan.where)), retriever.checked_queries(query)
    start = time.perf_counter()
    said = retriever.stored.say([text], plan.funnel.k, plan.where)
    words_ms = _since(start)
    near = search(recorder, queries, plan.funnel)
    (both,) = sides(recorder, queries, near, said, plan.hybrid.fusion, plan.funnel.dim)
    start = time.perf_counter()
    fused = fuse(retriever.stored, both, plan.hybrid)
    fusion_ms = _since(start)
    stages = [_stage(str(stage), retriever.scored(found, 0), time_ms) for stage, found, time_ms in recorder.calls]
    spoken = Side(said.rows[0], said.score(said.rows)[0])
    ids = retriever.stored.ids(spoken.rows.tolist())
    stages.append(_stage("words", spoken.among(ids).documents(ids), words_ms))
    stages.append(_stage(str(plan.hybrid.fusion), fused.ranking, fusion_ms))
    return Traced(plan.funnel, retriever.fused_answers(fused), stages, None, plan.hybrid.fusion)


def _stage(name: str, found: Sequence[ScoredDoc], time_ms: float) -> StageTrace:
    return StageTrace(name, {document.id: (rank, document.score) for rank, document in enumerate(found, 1)}, time_ms)

"""Searching for many requests at once: those that are searched alike go through the funnel together."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mrl_search.errors import IndexStoreError
from mrl_search.funnel import Stage
from mrl_search.hits import Hits
from mrl_search.plan import Plan
from mrl_search.retriever import Answer, Index, Retriever, search
from mrl_search.serve.allowance import Allowance
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.refusals import RefusalError
from mrl_search.terms import Terms, on_terms
from mrl_search.trace import StageTrace, Traced, traced_hybrid, traced_search
from mrl_search.vectors import Vectors

_AT_ONCE = 1_024  # documents that are read, and held, before they are counted
_TOLD_APART = 4  # places in a funnel that metrics name; longer funnels are rare, and labels must stay few


class Search(NamedTuple):
    """Queries of one request, (q, D), and how they search which snapshot of an index of that name.

    explain: each one's stages are told. partial: what is found without shards that do not answer is an answer.
    until: of time.monotonic(), when nobody waits for it any more. allowance: what its answers may hold.
    """

    name: str
    retriever: Retriever
    plan: Plan
    queries: Vectors
    texts: Sequence[str] | None = None
    explain: bool = False
    partial: bool = False
    until: float | None = None
    allowance: Allowance = Allowance()


class Found(NamedTuple):
    """What one query found. certified, gap: as Certificates; None where no proof was tried, or needed.

    missing: shards that did not answer, of a query that may lack them.
    """

    answers: list[Answer]
    certified: bool | None = None
    gap: float | None = None
    stages: tuple[StageTrace, ...] = ()
    missing: tuple[str, ...] = ()


_Result = list[Found] | Exception
_Reader = Callable[[int, int], Iterable[list[Answer]]]


class _Timed:
    """An Index that notes how long each stage took."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.seconds: list[float] = []

    def shortlist(self, queries: Vectors, stage: Stage, *, in_order: bool = True) -> Hits:
        start = time.perf_counter()
        hits = self._index.shortlist(queries, stage, in_order=in_order)
        self.seconds.append(time.perf_counter() - start)
        return hits

    def rerank(self, queries: Vectors, hits: Hits, stage: Stage) -> Hits:
        start = time.perf_counter()
        hits = self._index.rerank(queries, hits, stage)
        self.seconds.append(time.perf_counter() - start)
        return hits


class Searcher:
    """The work of a batch. let_on: called when no vectors of it are compared any more, only texts to be read."""

    def __init__(self, metrics: Metrics, let_on: Callable[[], None] = lambda: None) -> None:
        self._metrics, self._let_on = metrics, let_on

    def __call__(self, tasks: list[Search]) -> Sequence[_Result]:
        """For each task what each of its queries found, or the error that its kind of search ends in."""
        groups: dict[tuple[object, ...], list[int]] = {}
        for place, task in enumerate(tasks):
            kind = (id(task.retriever), task.plan, task.queries.shape[1])
            alike = (*kind, place if task.explain else -1, _lacking(task))
            groups.setdefault(alike, []).append(place)
        results: dict[int, _Result] = {}
        for left, places in zip(reversed(range(len(groups))), groups.values(), strict=True):
            together = [tasks[place] for place in places]
            try:
                results |= zip(places, self._on_terms(together, is_last=not left), strict=True)
            except Exception as error:
                results |= dict.fromkeys(places, error)
        return [results[place] for place in range(len(tasks))]

    def _on_terms(self, tasks: list[Search], *, is_last: bool) -> list[_Result]:
        """What they find until the last of them is to be done, or the first where parts of answers are taken."""
        first, ends = tasks[0], [math.inf if task.until is None else task.until for task in tasks]
        until = (min if first.partial else max)(ends)
        left = None if until == math.inf else max(0.0, until - time.monotonic())
        with on_terms(Terms(left, first.partial)) as told, told.counted():
            _check_words(first)
            found: list[_Result]
            found = [self._explained(first)] if first.explain else self._together(tasks, is_last=is_last)
        if not told.missing:
            return found
        missing = tuple(sorted(told.missing))  # who is silent may know better, so nothing is proven
        return [one if isinstance(one, Exception) else [_without(each, missing) for each in one] for one in found]

    def _together(self, tasks: list[Search], *, is_last: bool) -> list[_Result]:
        name, retriever, plan, *_ = tasks[0]
        queries = np.concatenate([task.queries for task in tasks])
        if plan.hybrid is not None:
            return self._by_words_too(tasks, queries)
        queries = retriever.checked_queries(queries)
        vectors = retriever.index(plan.where)
        start = time.perf_counter()
        if hasattr(vectors, "funnelled"):  # a card's index, whose stages are one
            hits, seconds = search(vectors, queries, plan.funnel), [time.perf_counter() - start]
        else:
            timed = _Timed(vectors)
            hits, seconds = search(timed, queries, plan.funnel), timed.seconds
        if plan.proof:
            start = time.perf_counter()
            hits = vectors.proven(queries, hits)
            self._note(name, "proof", time.perf_counter() - start, len(queries))
            self._metrics.certified.labels(name).inc(len(queries))
        for place, each in enumerate(seconds):
            self._note(name, _named(place), each, len(queries))
        certified, gap = (True, 0.0) if plan.proof else (None, None)
        if is_last:
            self._let_on()
        return _shared_out(tasks, _read(retriever, hits), lambda answers: Found(answers, certified, gap))

    def _by_words_too(self, tasks: list[Search], queries: Vectors) -> list[_Result]:
        name, retriever, plan, *_ = tasks[0]
        start = time.perf_counter()
        found = retriever.fused([text for task in tasks for text in task.texts or ()], queries, plan)
        self._note(name, "hybrid", time.perf_counter() - start, len(queries))
        return _shared_out(tasks, lambda first, last: map(retriever.fused_answers, found[first:last]), Found)

    def _explained(self, task: Search) -> list[Found]:
        found = []
        for query in range(len(task.queries)):
            traced = _traced(task, query)
            for place, stage in enumerate(traced.stages):
                self._note(task.name, "proof" if stage.name == "proof" else _named(place), stage.time_ms / 1000, 1)
            answers = task.allowance.take(traced.answers)
            if traced.certificate is None:
                found.append(Found(answers, stages=tuple(traced.stages)))
                continue
            certified, gap = bool(traced.certificate.certified[0]), float(traced.certificate.gaps[0])
            (self._metrics.certified if certified else self._metrics.uncertified).labels(task.name).inc()
            found.append(Found(answers, certified, gap if math.isfinite(gap) else None, tuple(traced.stages)))
        return found

    def _note(self, name: str, stage: str, seconds: float, queries: int) -> None:
        observed = self._metrics.stage_seconds.labels(name, stage)
        for _ in range(queries):
            observed.observe(seconds)


def _read(retriever: Retriever, hits: Hits) -> _Reader:
    """The answers of queries `first` … `last` - 1. Few documents are asked for together, which of a cluster takes a
    while; many are read as they are taken, so that whoever counts them need not hold them all."""
    if hits.rows.size <= _AT_ONCE:
        found = retriever.all_answers(hits)
        return lambda first, last: found[first:last]

    def read(first: int, last: int) -> Iterator[list[Answer]]:
        some = max(1, _AT_ONCE // hits.rows.shape[1])
        for begin in range(first, last, some):
            part = slice(begin, min(last, begin + some))
            yield from retriever.all_answers(Hits(hits.scores[part], hits.rows[part]))

    return read


def _shared_out(tasks: list[Search], read: _Reader, found: Callable[[list[Answer]], Found]) -> list[_Result]:
    """For each task what its queries found, or that this is too much."""
    results, last = list[_Result](), 0
    for task in tasks:
        first, last = last, last + len(task.queries)
        try:
            results.append([found(task.allowance.take(answers)) for answers in read(first, last)])
        except RefusalError as error:
            results.append(error)
    return results


def _without(found: Found, missing: tuple[str, ...]) -> Found:
    return found._replace(missing=missing, certified=None, gap=None)


def _lacking(task: Search) -> tuple[bool, float]:
    """Who takes part of an answer waits with those only whose time is over at the same tenth of a second."""
    return task.partial, round(task.until, 1) if task.partial and task.until is not None else 0.0


def _check_words(task: Search) -> None:
    """Raises RefusalError where words are asked for and the index has none, or damaged ones."""
    if task.plan.hybrid is not None:
        try:
            task.retriever.stored.check_words()
        except IndexStoreError:
            told = f"the words of {task.name} are not there, or damaged; where it lies, `mrl-search words` makes them"
            raise RefusalError(422, "no_words", told) from None


def _traced(task: Search, query: int) -> Traced:
    retriever, plan, vector = task.retriever, task.plan, task.queries[query : query + 1]
    if plan.hybrid is not None:
        assert task.texts is not None
        return traced_hybrid(retriever, task.texts[query], vector, plan)
    return traced_search(retriever, vector, plan.funnel, proof=plan.proof, where=plan.where)


def _named(place: int) -> str:
    if place == 0:
        return "shortlist"
    return f"rerank {place}" if place < _TOLD_APART else f"rerank {_TOLD_APART} on"

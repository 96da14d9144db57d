"""Everything behind the HTTP API: indexes, encoders, writers, and the queues before them."""

import os
import time
from collections.abc import Sequence
from typing import NamedTuple

from mrl_search.document import Document
from mrl_search.encoders import Encoder, EncoderSpec, load_encoder
from mrl_search.errors import IndexStoreError
from mrl_search.living import Changed
from mrl_search.plan import Plan
from mrl_search.retriever import Retriever
from mrl_search.serve.allowance import Allowance
from mrl_search.serve.batching import Batcher
from mrl_search.serve.desk import Desk
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.refusals import RefusalError
from mrl_search.serve.searching import Found, Search, Searcher
from mrl_search.serve.served import ServedIndex
from mrl_search.serve.settings import Batching, Settings
from mrl_search.serve.store import Folders, Store
from mrl_search.serve.writing import Change, Removal, Upsert, Writer
from mrl_search.vectors import Vectors

_TRIES = 5  # of a search whose snapshot ends, as commits come one after the other
_TOLD_A_QUERY = 200  # documents, whose reading takes about as long as some searches
PRECOMPUTED = "precomputed"  # what stands for an encoder in an index of vectors alone


class Asked(NamedTuple):
    """What a search is told: texts, or (q, D) vectors; the rest as `Retriever.plan`, `Search` and Allowance take it."""

    texts: Sequence[str] | None
    vectors: Vectors | None
    k: int | None = None
    funnel: str | None = None
    guarantee: str | float | None = None
    where: str | None = None
    hybrid: str | float | None = None
    explain: bool = False
    partial: bool = False
    until: float | None = None
    with_texts: bool = True

    @property
    def query_count(self) -> int:
        """How many there are of it, whichever it has."""
        return len(self.texts if self.texts is not None else self.vectors if self.vectors is not None else ())


class Outcome(NamedTuple):
    """What a request's queries found, by which plan, over how many documents, and where the time went."""

    name: str
    plan: Plan
    documents: int
    found: list[Found]
    encode_ms: float
    search_ms: float

    @property
    def missing(self) -> list[str]:
        """Shards that did not answer, of a cluster whose answer may lack them."""
        return sorted({name for one in self.found for name in one.missing})


class Engine:
    """Lives on one event loop; `open` it there, and `close` it. store: how what is served is opened and changed."""

    def __init__(self, settings: Settings, metrics: Metrics, store: Store | None = None) -> None:
        self.settings, self.metrics = settings, metrics
        self._store = store or Folders()
        self.indexes: dict[str, ServedIndex] = {}
        self.is_ready = False
        self._desks: dict[EncoderSpec, Desk] = {}
        self._patience = settings.timeouts.request / 2  # of each of the two queues on a request's way
        self._searches = Batcher[Search, list[Found]](
            "search",
            Searcher(metrics, lambda: self._searches.let_on()),
            settings.batching,
            metrics,
            self._patience,
            ahead=len(os.sched_getaffinity(0)) > 1,  # on one processor two threads would only take it from each other
        )
        self._writers: dict[str, Batcher[Change, Changed]] = {}

    async def open(self) -> None:
        """Opens all indexes, one after another. Raises what opening raises, and IndexStoreError for one name twice."""
        for folder in self.settings.indexes:
            index = ServedIndex(
                folder,
                self._store,
                self._encoder_for,
                self._searches.afterwards,
                self.settings.device,
                self.metrics,
            )
            if index.name in self.indexes:
                raise IndexStoreError(f"two indexes are called {index.name}; rename a folder to serve both")
            await index.open(self.settings.timeouts.reload)
            self.indexes[index.name] = index
            batching = Batching(size=10 * self.settings.limits.documents, queue=20 * self.settings.limits.documents)
            patience = self.settings.timeouts.write / 2
            self._writers[index.name] = Batcher("write", Writer(folder, self._store), batching, self.metrics, patience)
        self.is_ready = True

    async def close(self) -> None:
        """Finishes what was accepted."""
        self.is_ready = False
        for writer in self._writers.values():
            await writer.close()
        for desk in self._all_desks:
            await desk.batcher.close()
        for index in self.indexes.values():
            await index.close()
        await self._searches.close()
        self._store.close()

    @property
    def is_full(self) -> bool:
        """Whether a search would be refused before anything of it was read."""
        return self._searches.is_full or any(desk.batcher.is_full for desk in self._all_desks)

    @property
    def retry_seconds(self) -> float:
        """After how long the queues should have moved on."""
        return max([self._searches.retry_seconds, *(desk.batcher.retry_seconds for desk in self._all_desks)])

    def index(self, name: str | None) -> ServedIndex:
        """The index of a name, or the only one. Raises RefusalError."""
        if name is None and len(self.indexes) == 1:
            return next(iter(self.indexes.values()))
        if name is None:
            raise RefusalError(422, "index_missing", f"say which index: {', '.join(self.indexes)}")
        if name not in self.indexes:
            raise RefusalError(
                404, "index_not_found", f"there is no index of this name; there are: {', '.join(self.indexes)}"
            )
        return self.indexes[name]

    def desk(self, model: str) -> Desk:
        """The desk of an encoder's name, or of an index's. Raises RefusalError."""
        for desk in self._all_desks:
            if model == desk.name and model != PRECOMPUTED:
                return desk
        if model in self.indexes:
            return self._desk_of(self.indexes[model].retriever)
        raise RefusalError(404, "model_not_found", f"there is no such model; there are: {', '.join(self.models())}")

    @property
    def _all_desks(self) -> list[Desk]:
        return list(self._desks.values())  # a copy: an index that is opened on a thread may add one

    def models(self) -> list[str]:
        """Names of the encoders there are."""
        return [desk.name for desk in self._all_desks if desk.name != PRECOMPUTED]

    async def search(self, name: str | None, asked: Asked) -> Outcome:
        """Searches one snapshot of an index, from the plan to the last text. Raises RefusalError and MRLSearchError."""
        index = self.index(name)
        await index.catch_up()
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._searched(index, asked)
            except IndexStoreError:
                # where SQLite reads without locks, a commit ends the older snapshot; shards keep two
                if not tries_left or not await index.reload():
                    raise
        raise AssertionError  # the last try returns or raises

    async def _searched(self, index: ServedIndex, asked: Asked) -> Outcome:
        with index.used() as retriever:
            plan = retriever.plan(asked.k, asked.funnel, asked.guarantee, asked.where, asked.hybrid)
            weight = self._weight(plan, asked, len(retriever))
            start = time.perf_counter()
            if asked.texts is not None:
                vectors = await self._desk_of(retriever).queries(asked.texts)
            else:
                assert asked.vectors is not None
                vectors = asked.vectors
            encoded = time.perf_counter()
            allowance = Allowance(self.settings.limits.answer_characters, with_texts=asked.with_texts)
            task = Search(
                index.name, retriever, plan, vectors, asked.texts, asked.explain, asked.partial, asked.until, allowance
            )
            found = await self._searches.do(task, weight)
            times = 1000 * (encoded - start), 1000 * (time.perf_counter() - encoded)
            return Outcome(index.name, plan, len(retriever), found, *times)

    async def upsert(self, name: str | None, documents: tuple[Document, ...]) -> ServedIndex:
        """Writes documents; they are on disk and found when this returns."""
        index = self._writable(name)
        task = Upsert(documents, self._desk_of(index.retriever).encoder)
        await self._written(index, task, len(documents))
        self.metrics.changed.labels(index.name, "written").inc(len(documents))
        return index

    async def remove(self, name: str | None, ids: tuple[str, ...], where: str | None) -> tuple[ServedIndex, Changed]:
        """Deletes documents; they are found no more when this returns."""
        index = self._writable(name)
        changed = await self._written(index, Removal(ids, where), max(1, len(ids)))
        self.metrics.changed.labels(index.name, "deleted").inc(changed.removed)
        return index, changed

    async def _written(self, index: ServedIndex, change: Change, weight: int) -> Changed:
        changed = await self._writers[index.name].do(change, weight)
        await index.reload()
        return changed

    def _writable(self, name: str | None) -> ServedIndex:
        if self.settings.read_only:
            raise RefusalError(403, "read_only", "this server only reads")
        return self.index(name)

    def _weight(self, plan: Plan, asked: Asked, documents: int) -> int:
        """In the queue: its queries, or more where it tells of so much that others would wait for it long.

        Raises RefusalError where that is more than the limits.
        """
        limits, widest = self.settings.limits, max(stage.k for stage in plan.funnel.stages)
        answers = plan.hybrid.k if plan.hybrid is not None else plan.funnel.k
        if answers > limits.k:
            raise RefusalError(422, "k_too_large", f"asked for {answers:,} answers; at most {limits.k:,} are given")
        if widest > limits.candidates:
            raise RefusalError(
                422, "funnel_too_wide", f"the funnel keeps {widest:,}; at most {limits.candidates:,} are kept"
            )
        each = min(max(answers, widest) if asked.explain else answers, documents)
        if asked.query_count * each > limits.answers:
            raise RefusalError(
                422,
                "too_many_answers",
                f"{asked.query_count:,} queries, {each:,} documents to tell of for each: at most {limits.answers:,} in "
                "all are told of in one request; send fewer queries",
            )
        return min(self.settings.batching.queue, max(asked.query_count, asked.query_count * each // _TOLD_A_QUERY))

    def _desk_of(self, retriever: Retriever) -> Desk:
        spec = retriever.encoder.spec
        if spec.name == PRECOMPUTED:
            raise RefusalError(422, "no_encoder", "this index was built from vectors and has no encoder; send vectors")
        return self._desks[spec]

    def _encoder_for(self, spec: EncoderSpec) -> Encoder:
        if spec not in self._desks:
            encoder = load_encoder(spec, self.settings.device)
            self._desks[spec] = Desk(encoder, self.settings.batching, self.metrics, self._patience)
        return self._desks[spec].encoder

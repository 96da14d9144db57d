"""One encoder for all who ask: texts go together, and queries that were asked before are remembered."""

import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from mrl_search.encoders import Encoder, EncoderSpec, WrappedEncoder, checked
from mrl_search.serve.batching import Batcher
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.settings import Batching
from mrl_search.vectors import Vectors

QUERY, DOCUMENT = "query", "document"
_AT_A_TIME = 16  # documents that a writer encodes before a query may come between
_STREAMS = 8  # threads that encode, at most: they share Python's lock
_PART = 32  # texts of one request that go to one of several threads


class SharedEncoder(WrappedEncoder):
    """An encoder that one thread at a time uses, unless it says that several may.

    Where it is one at a time, documents go in small blocks, between which queries are encoded, so that a large upsert
    does not stop the search.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self.is_shared: bool = getattr(encoder, "is_shared", False)
        self._lock = nullcontext() if self.is_shared else threading.Lock()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for queries."""
        with self._lock:
            return self._encoder.encode_queries(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for documents."""
        if self.is_shared:
            return self._encoder.encode_documents(texts)
        parts = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(texts), _AT_A_TIME):
            with self._lock:
                parts.append(self._encoder.encode_documents(texts[start : start + _AT_A_TIME]))
        return np.concatenate(parts)


def public_name(spec: EncoderSpec) -> str:
    """What callers call an encoder: without the address of an endpoint, or the folder that a model lies in."""
    name = spec.name.partition("@http")[0] if spec.name.startswith("openai:") else spec.name
    return Path(name).name if name.startswith(("/", ".", "~")) else name


class _Texts(NamedTuple):
    side: str
    texts: list[str]


class Desk:
    """Encodes on threads of its own what comes from the event loop.

    A thread for each processor, if the encoder can be shared, and each computes alone: two threads of torch on one
    batch of questions wait for each other, and answer a third fewer than two batches of one thread each.
    """

    def __init__(self, encoder: Encoder, batching: Batching, metrics: Metrics, patience: float = math.inf) -> None:
        self.encoder = SharedEncoder(encoder)
        self.name = public_name(encoder.spec)
        self._metrics, self._most = metrics, batching.remembered
        self._known: OrderedDict[str, Vectors] = OrderedDict()  # text of a query → (dim,)
        cores = len(os.sched_getaffinity(0))
        self._streams = min(cores, _STREAMS) if self.encoder.is_shared else 1
        self._threads_each = cores // self._streams if self._streams > 1 else None
        self.batcher = Batcher[_Texts, Vectors](
            "encode", self._encoded, batching, metrics, patience, threads=self._streams
        )

    async def queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for queries. Raises RefusalError where too many wait."""
        known = {text: self._known[text] for text in texts if text in self._known}
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        self._metrics.cache_hits.inc(len(texts) - len(missing))
        self._metrics.cache_misses.inc(len(missing))
        if missing:
            fresh = await self._fresh(QUERY, missing)
            known |= dict(zip(missing, fresh, strict=True))
        for text in texts:
            self._known[text] = known[text]
            self._known.move_to_end(text)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return np.stack([known[text] for text in texts])

    async def documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) unit rows for documents, of which none are remembered."""
        return await self._fresh(DOCUMENT, list(texts))

    async def _fresh(self, side: str, texts: list[str]) -> Vectors:
        if self._streams == 1 or len(texts) <= _PART:
            return await self.batcher.do(_Texts(side, texts), len(texts))
        parts = [_Texts(side, texts[start : start + _PART]) for start in range(0, len(texts), _PART)]
        return np.concatenate(await self.batcher.do_all(parts, [len(part.texts) for part in parts]))

    @cached_property
    def _pools(self) -> ThreadpoolController:
        return ThreadpoolController()  # of what is loaded now: all that the encoder needs, since it was checked

    def _encoded(self, tasks: list[_Texts]) -> list[Vectors | Exception]:
        if self._threads_each is None:
            return self._encoded_so(tasks)
        with self._pools.limit(limits=self._threads_each, user_api="openmp"):  # of this thread alone
            return self._encoded_so(tasks)

    def _encoded_so(self, tasks: list[_Texts]) -> list[Vectors | Exception]:
        start = time.perf_counter()
        found: dict[int, Vectors | Exception] = {}
        for side, encode in ((QUERY, self.encoder.encode_queries), (DOCUMENT, self.encoder.encode_documents)):
            places = [place for place, task in enumerate(tasks) if task.side == side]
            texts = [text for place in places for text in tasks[place].texts]
            if not texts:
                continue
            vectors = checked(encode(texts), len(texts), self.encoder)
            first = 0
            for place in places:
                last = first + len(tasks[place].texts)
                found[place], first = np.array(vectors[first:last]), last  # a copy: a view would keep the batch
        self._metrics.encode_seconds.labels(self.name).observe(time.perf_counter() - start)
        return [found[place] for place in range(len(tasks))]

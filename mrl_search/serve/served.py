"""An index that is served: one snapshot of it for new requests, older ones until their requests are answered."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from mrl_search.encoders import Encoder, EncoderSpec
from mrl_search.funnel import Funnel
from mrl_search.retriever import Retriever, search
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.store import Store

_LOG = logging.getLogger(__name__)
Afterwards = Callable[[Callable[[], object]], None]


class _Snapshot:
    """A retriever that closes when it was replaced and nobody uses it any more."""

    def __init__(self, retriever: Retriever, afterwards: Afterwards) -> None:
        self.retriever, self._afterwards = retriever, afterwards
        self._users, self._is_replaced = 0, False

    @contextmanager
    def used(self) -> Iterator[Retriever]:
        self._users += 1
        try:
            yield self.retriever
        finally:
            self._users -= 1
            self._close_if_done()

    def replace(self) -> None:
        self._is_replaced = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._is_replaced and not self._users:
            self._afterwards(self.retriever.close)  # of a caller who went, the search may still be going on


class ServedIndex:
    """The folder of an index, opened; lives on one event loop.

    store: how it is opened. encoder_for: the one shared encoder of a spec; loading takes time, and is done on a thread.
    afterwards: runs something on the thread that searches.
    """

    def __init__(
        self,
        folder: Path,
        store: Store,
        encoder_for: Callable[[EncoderSpec], Encoder],
        afterwards: Afterwards,
        device: str,
        metrics: Metrics,
    ) -> None:
        self.folder = folder
        self.name = folder.resolve().name
        self._store = store
        self._state: object = None
        self._stamp: object = None
        self._encoder_for, self._afterwards = encoder_for, afterwards
        self._device, self._metrics = device, metrics
        self._snapshot: _Snapshot | None = None
        self._opening = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    @property
    def retriever(self) -> Retriever:
        """What new requests use now; for a look, no longer than until the next await."""
        assert self._snapshot is not None
        return self._snapshot.retriever

    def used(self) -> AbstractContextManager[Retriever]:
        """A snapshot that stays open until the block ends, whatever is committed meanwhile."""
        assert self._snapshot is not None
        return self._snapshot.used()

    async def open(self, look_seconds: float) -> None:
        """Opens it, loads its model and kernels, and goes on looking for what other processes commit."""
        self._become(*await asyncio.to_thread(self._opened))
        self._watching = asyncio.create_task(self._watch(look_seconds))

    async def reload(self) -> bool:
        """Opens what is committed now, if it is another than what is open; whether it was."""
        async with self._opening:
            start = time.perf_counter()
            fresh = await asyncio.to_thread(self._newer)
            if fresh is not None:
                self._become(*fresh)
                self._metrics.reload_seconds.labels(self.name).observe(time.perf_counter() - start)
                self._metrics.reloads.labels(self.name, "opened").inc()
                told = {"index": self.name, "documents": len(fresh[0])}
                _LOG.info("a commit was opened", extra={"told": told})
            return fresh is not None

    async def catch_up(self) -> None:
        """Opens what another process that serves it, too, may have committed: whoever was told of a change finds it.

        Where that cannot be opened the older state is served, and is tried again as all others' commits are.
        """
        stamp = self._store.stamp(self.folder)
        if stamp == self._stamp:
            return
        try:
            await self.reload()
        except Exception as error:
            _LOG.error("%s cannot be opened anew, the older state is served", self.name, exc_info=error)
        self._stamp = stamp

    async def close(self) -> None:
        """Closes it once nobody uses it."""
        if self._watching is not None:
            self._watching.cancel()
        if self._snapshot is not None:
            self._snapshot.replace()

    async def _watch(self, look_seconds: float) -> None:
        failed = ""
        while True:
            await asyncio.sleep(look_seconds)
            try:
                await self.reload()
                failed = ""
            except Exception as error:  # whatever it is, the older state is served, and the next commit may be sound
                self._metrics.reloads.labels(self.name, "failed").inc()
                if str(error) != failed:  # once, not each second
                    _LOG.error("%s cannot be opened anew, the older state is served", self.name, exc_info=error)
                failed = str(error)

    def _become(self, retriever: Retriever, state: object, stamp: object) -> None:
        older, self._snapshot = self._snapshot, _Snapshot(retriever, self._afterwards)
        self._state, self._stamp = state, stamp  # not before: requests go by what is open
        self._metrics.documents.labels(self.name).set(len(retriever))
        if older is not None:
            older.replace()

    def _newer(self) -> tuple[Retriever, object, object] | None:
        return None if self._store.state(self.folder) == self._state else self._opened()

    def _opened(self) -> tuple[Retriever, object, object]:
        """What is committed, its state, and its stamp."""
        stamp, state = self._store.stamp(self.folder), self._store.state(self.folder)
        # before it is opened: what comes meanwhile, the next look sees
        beside = self._snapshot.retriever if self._snapshot is not None else None
        retriever = self._store.open(self.folder, self._encoder_for, self._device, beside)
        try:
            retriever.warm_up()  # also says whether the encoder, if there is one, is still the index's
            if retriever.stored.has_bounds and len(retriever):
                _prove_once(retriever)
        except BaseException:
            retriever.close()
            raise
        return retriever, state, stamp


def _prove_once(retriever: Retriever) -> None:
    """The kernels of proofs are compiled at the first one, which takes seconds; no request should wait for that."""
    query = np.eye(1, retriever.stored.manifest.dim, dtype=np.float32)
    index = retriever.index()
    index.proven(query, search(index, query, Funnel.default(retriever.stored.manifest.dims, 1)))

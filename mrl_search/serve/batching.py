"""Requests that wait, handed to a thread, or to the next that is free of several, together."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, NamedTuple, Protocol, TypeVar

from mrl_search.serve.refusals import RefusalError, busy
from mrl_search.serve.settings import Batching

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
_SMOOTH = 0.2  # of the newest batch's time in the running mean


class _Waiting(NamedTuple, Generic[_Task, _Result]):
    task: _Task
    weight: int
    answer: "asyncio.Future[_Result]"
    since: float


class Watch(Protocol):
    """What is told of each batch: its name, its weight, seconds that each of its tasks waited."""

    def batch(self, name: str, weight: int, waited: Sequence[float]) -> None:
        """A batch begins."""


class Batcher(Generic[_Task, _Result]):
    """One thread or several, and a bounded queue before them; lives on one event loop.

    work: takes tasks in the order they came, returns a result or an exception for each; what it raises, all get.
    A task whose caller was cancelled while it waited is dropped. Whatever was accepted before `close` is done.
    patience: seconds; where what waits would take longer, nothing more is accepted. A queue that is longer than its
    callers' patience works on what nobody waits for any more.
    threads: batches that are worked on at once; what waits is shared by those that are free.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[_Task]], Sequence[_Result | Exception]],
        batching: Batching,
        watch: Watch,
        patience: float = math.inf,
        threads: int = 1,
    ) -> None:
        self._name, self._work, self._batching, self._watch = name, work, batching, watch
        self._patience = patience
        self._queue: deque[_Waiting[_Task, _Result]] = deque()
        self._filled = asyncio.Event()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._loops: list[asyncio.Task[None]] = []
        self._threads, self._busy = threads, 0
        self._weight = self._begun = 0
        self._seconds_each = 0.0
        self._closing = False

    @property
    def depth(self) -> int:
        """Weight of what waits or is worked on."""
        return self._weight

    @property
    def is_full(self) -> bool:
        """Whether anything more is refused."""
        return self._weight >= self._batching.queue or self._weight * self._seconds_each > self._patience

    @property
    def retry_seconds(self) -> float:
        """How long until what waits now is done, as far as the last batches tell; half a second at least."""
        return min(60.0, max(0.5, self._weight * self._seconds_each))

    async def do(self, task: _Task, weight: int = 1) -> _Result:
        """The task's result. Raises RefusalError as `check`, and what the work raised."""
        self.check(weight)
        if not self._loops:
            self._loops = [asyncio.create_task(self._run()) for _ in range(self._threads)]
        waiting = _Waiting[_Task, _Result](task, weight, asyncio.get_running_loop().create_future(), time.monotonic())
        self._queue.append(waiting)
        self._weight += weight
        self._filled.set()
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            self._forget(waiting)
            raise

    def check(self, weight: int) -> None:
        """Raises RefusalError where the queue has no room for so much, or is closed."""
        if self._closing:
            raise RefusalError(503, "shutting_down", "the server is shutting down", retry_seconds=1)
        if self.is_full or self._weight + weight > self._batching.queue:
            raise busy(self.retry_seconds)

    def afterwards(self, work: Callable[[], object]) -> None:
        """Runs something on the thread, if there is but one after what is worked on there now."""
        self._pool.submit(work)

    async def close(self) -> None:
        """Finishes what was accepted, refuses the rest."""
        self._closing = True
        while self._weight:
            await asyncio.sleep(0.005)
        for loop in self._loops:
            loop.cancel()
        self._pool.shutdown()

    def _forget(self, waiting: _Waiting[_Task, _Result]) -> None:
        """Takes it from the queue, if it is there still: what is worked on weighs until that is done."""
        for place, one in enumerate(self._queue):
            if one is waiting:
                del self._queue[place]
                self._weight -= waiting.weight
                return

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            if self._batching.window_ms and self._weight < self._batching.size:
                await asyncio.sleep(self._batching.window_ms / 1000)
            batch = self._taken()
            if batch:
                self._busy += 1
                try:
                    await self._answered(batch)
                finally:
                    self._busy -= 1

    def _taken(self) -> list[_Waiting[_Task, _Result]]:
        """The first that wait and go together: one at least, `size` at most, a free thread's share."""
        batch: list[_Waiting[_Task, _Result]] = []
        share = math.ceil((self._weight - self._begun) / (self._threads - self._busy))
        weight, most = 0, min(self._batching.size, share)
        while self._queue and (not batch or weight + self._queue[0].weight <= most):
            waiting = self._queue.popleft()
            if waiting.answer.done():  # its caller has gone, and is not yet there to forget it himself
                self._weight -= waiting.weight
                continue
            batch.append(waiting)
            weight += waiting.weight
        if not self._queue:
            self._filled.clear()
        return batch

    async def _answered(self, batch: list[_Waiting[_Task, _Result]]) -> None:
        start, weight = time.monotonic(), sum(one.weight for one in batch)
        self._begun += weight
        self._watch.batch(self._name, weight, [start - one.since for one in batch])
        tasks = [one.task for one in batch]
        results: Sequence[_Result | Exception]
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._pool, self._work, tasks)
        except Exception as error:
            results = [error] * len(batch)
        finally:
            self._weight -= weight
            self._begun -= weight
        each = (time.monotonic() - start) / weight / self._busy
        self._seconds_each += (_SMOOTH if self._seconds_each else 1.0) * (each - self._seconds_each)
        for one, result in zip(batch, results, strict=True):
            if one.answer.done():
                continue
            if isinstance(result, Exception):
                one.answer.set_exception(result)
            else:
                one.answer.set_result(result)

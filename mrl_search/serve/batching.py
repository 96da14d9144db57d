"""Requests that wait, handed to a thread, or to the next that is free of several, together."""

import asyncio
import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from mrl_search.serve.refusals import RefusalError, busy
from mrl_search.serve.settings import Batching

_LOG = logging.getLogger(__name__)
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
_SMOOTH = 0.2  # of the newest batch's time in the running mean
_BESIDE = 0.25  # of the time that what is worked on takes, for which others are waited for


class _Waiting(NamedTuple, Generic[_Task, _Result]):
    task: _Task
    weight: int
    answer: "asyncio.Future[_Result]"
    since: float


class Watch(Protocol):
    """What is told of batches, by the name of their queue."""

    def batch(self, name: str, weight: int, waited: Sequence[float]) -> None:
        """One begins: its weight, seconds that each of its tasks waited."""

    def weighs(self, name: str, more: int) -> None:
        """By how much what waits or is worked on weighs more, or less."""


class Batcher(Generic[_Task, _Result]):
    """Threads, and a bounded queue before them, from which each takes what waits as soon as it is free; one event loop
    gives.

    work: takes tasks in the order they came, returns a result or an exception for each; what it raises, all get.
    A task whose caller was cancelled while it waited is dropped. Whatever was accepted before `close` is done.
    patience: seconds; where what waits would take longer, nothing more is accepted. A queue that is longer than its
    callers' patience works on what nobody waits for any more.
    threads: batches that are worked on at once; what waits is shared by those that are free. ahead: `work` calls
    `let_on` where the next batch may begin, beside what is left of this one; there is one thread more for that.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[_Task]], Sequence[_Result | Exception]],
        batching: Batching,
        watch: Watch,
        patience: float = math.inf,
        threads: int = 1,
        *,
        ahead: bool = False,
    ) -> None:
        self._name, self._work, self._batching, self._watch = name, work, batching, watch
        self._patience, self._most, self._count = patience, threads, threads + ahead
        self._ahead = ahead
        self._threads: list[threading.Thread] = []
        self._here = threading.local()  # let_on_at: when the next batch was let on, of a thread that works
        self._turn = threading.Condition()  # whose lock is held by who changes any of these
        self._queue: deque[_Waiting[_Task, _Result]] = deque()
        self._afterwards: list[Callable[[], object]] = []
        self._weight = self._queued = 0
        self._begun = self._busy = self._late = 0  # threads: that may work, that do, and that have let another on
        self._seconds_each = 0.0
        self._wakes = self._closing = self._is_over = False

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
        waiting = self._accepted(task, weight)
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            self._forget(waiting)
            raise

    async def do_all(self, tasks: Sequence[_Task], weights: Sequence[int]) -> list[_Result]:
        """The results of tasks of one caller: all are accepted, or none. Raises as `do`, and gives the others up."""
        self.check(sum(weights))
        accepted = [self._accepted(task, weight) for task, weight in zip(tasks, weights, strict=True)]
        try:
            return list(await asyncio.gather(*(one.answer for one in accepted)))
        except BaseException:
            for one in accepted:
                one.answer.cancel()
                self._forget(one)
            raise

    def _accepted(self, task: _Task, weight: int) -> _Waiting[_Task, _Result]:
        loop = asyncio.get_running_loop()
        # the name's parameters in an annotation: with them in the call typing takes as long as all else here
        waiting: _Waiting[_Task, _Result] = _Waiting(task, weight, loop.create_future(), time.monotonic())
        with self._turn:
            self._queue.append(waiting)
            self._weigh(weight)
            self._queued += weight
        if not self._wakes:  # an idle thread, once all that came together is there
            self._wakes = True
            loop.call_soon(self._wake)
        return waiting

    def _weigh(self, more: int) -> None:
        """Called with the turn's lock."""
        self._weight += more
        self._watch.weighs(self._name, more)

    def check(self, weight: int) -> None:
        """Raises RefusalError where the queue has no room for so much, or is closed."""
        if self._closing:
            raise RefusalError(503, "shutting_down", "the server is shutting down", retry_seconds=1)
        if self.is_full or self._weight + weight > self._batching.queue:
            raise busy(self.retry_seconds)

    def let_on(self) -> None:
        """Called by the work: what waits may be worked on now. Whoever does not is done when he returns."""
        if self._ahead and getattr(self._here, "let_on_at", 0.0) is None:
            self._here.let_on_at = time.monotonic()
            with self._turn:
                self._begun -= 1
                self._busy -= 1
                self._late += 1
                self._turn.notify_all()

    def afterwards(self, work: Callable[[], object]) -> None:
        """Runs something on a thread, when nothing is worked on."""
        with self._turn:
            self._afterwards.append(work)
        self._wake()

    async def close(self) -> None:
        """Finishes what was accepted, refuses the rest."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()  # who lets others come along waits for nobody now
        while self._weight:
            await asyncio.sleep(0.005)
        with self._turn:
            self._is_over = True
            self._turn.notify_all()
        for thread in self._threads:
            thread.join()

    def _wake(self) -> None:
        self._wakes = False
        while len(self._threads) < self._count:
            thread = threading.Thread(target=self._run, name=f"{self._name}_{len(self._threads)}", daemon=True)
            thread.start()  # first: where the system has none left, the next that wakes tries again
            self._threads.append(thread)
        with self._turn:
            self._turn.notify_all()

    def _forget(self, waiting: _Waiting[_Task, _Result]) -> None:
        """Takes it from the queue, if it is there still: what is worked on weighs until that is done."""
        with self._turn:
            for place, one in enumerate(self._queue):
                if one is waiting:
                    del self._queue[place]
                    self._weigh(-waiting.weight)
                    self._queued -= waiting.weight
                    return

    def _run(self) -> None:
        """A thread's life."""
        while self._turned():
            pass

    def _turned(self) -> bool:
        """One turn of a thread: waits, works, and holds nothing of it. Whether there is another."""
        with self._turn:
            self._turn.wait_for(self._may_begin)
            self._begun += 1
            self._let_others_come()
            afterwards = []
            if not self._busy and not self._late:  # it may have come while others were waited for
                afterwards, self._afterwards = self._afterwards, []
            batch = self._taken()
            self._busy += 1
        self._here.let_on_at = None
        for work in afterwards:
            try:
                work()
            except Exception as error:
                _LOG.error("what was left to do after a batch failed", exc_info=error)
        if batch:
            self._answer(batch)
        with self._turn:
            if self._here.let_on_at is None:
                self._begun -= 1
                self._busy -= 1
            else:
                self._late -= 1
            self._turn.notify_all()
            return bool(self._queue or self._afterwards or not self._is_over)

    def _let_others_come(self) -> None:
        """For the window, if there is one, until the batch is full. Beside threads that work, a part of the time that
        takes, until as much waits: a batch of one takes as long as one of several, and those that come meanwhile."""
        under_way = self._weight - self._queued
        window, beside = self._batching.window_ms / 1000, _BESIDE * under_way * self._seconds_each * bool(self._busy)
        if self._queue and max(window, beside) > 0:
            wanted = self._batching.size if window > beside else min(under_way, self._batching.size)
            left = self._queue[0].since + max(window, beside) - time.monotonic()
            self._turn.wait_for(lambda: self._queued >= wanted or self._closing, timeout=left)

    def _may_begin(self) -> bool:
        if self._afterwards:
            return not self._begun and not self._late
        return self._begun < self._most and bool(self._queue or self._is_over)

    def _taken(self) -> list[_Waiting[_Task, _Result]]:
        """The first that wait and go together: one at least, `size` at most, a free thread's share."""
        batch: list[_Waiting[_Task, _Result]] = []
        share = math.ceil(self._queued / (self._most - self._busy))
        weight, most = 0, min(self._batching.size, share)
        while self._queue and (not batch or weight + self._queue[0].weight <= most):
            waiting = self._queue.popleft()
            self._queued -= waiting.weight
            if waiting.answer.done():  # its caller has gone, and is not yet there to forget it himself
                self._weigh(-waiting.weight)
                continue
            batch.append(waiting)
            weight += waiting.weight
        return batch

    def _answer(self, batch: list[_Waiting[_Task, _Result]]) -> None:
        start, weight, at_once = time.monotonic(), sum(one.weight for one in batch), self._busy
        self._watch.batch(self._name, weight, [start - one.since for one in batch])
        answered: list[tuple[_Waiting[_Task, _Result], _Result | Exception]]
        try:
            answered = list(zip(batch, self._work([one.task for one in batch]), strict=True))
        except BaseException as error:  # a panic of Rust's is no Exception; a thread that ended would answer nobody
            told = error if isinstance(error, Exception) else RuntimeError(f"a batch ended with {error!r}")
            answered = [(one, told) for one in batch]
        each = ((self._here.let_on_at or time.monotonic()) - start) / weight / at_once
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            batch[0].answer.get_loop().call_soon_threadsafe(self._deliver, answered, each)

    def _deliver(self, answered: list[tuple[_Waiting[_Task, _Result], _Result | Exception]], each: float) -> None:
        """On the loop, whose futures these are. each: seconds that a weight of 1 took."""
        self._seconds_each += (_SMOOTH if self._seconds_each else 1.0) * (each - self._seconds_each)
        with self._turn:
            self._weigh(-sum(one.weight for one, _ in answered))
        for one, result in answered:
            if one.answer.done():
                continue
            if isinstance(result, Exception):
                one.answer.set_exception(result)
            else:
                one.answer.set_result(result)

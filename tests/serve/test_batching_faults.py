"""Work that fails, threads that cannot be had, loops that are over: nobody waits for what will not come."""

import asyncio
import threading

import pytest
from batched import Watching, doubled, run

from mrl_search.serve import Batching
from mrl_search.serve.batching import Batcher


def test_what_the_work_raises_all_get_and_the_next_are_done():
    calls = []

    def work(tasks):
        calls.append(tasks)
        if len(calls) == 1:
            raise ValueError("broken")
        return tasks

    async def main(batcher):
        first = await asyncio.gather(batcher.do(1), batcher.do(2), return_exceptions=True)
        return [str(error) for error in first], await batcher.do(3)

    assert run(main, work)[0] == (["broken", "broken"], 3)


class Panic(BaseException):
    """As pyo3's PanicException, by which Rust's libraries end."""


@pytest.mark.parametrize("fault", [Panic("tokens"), [], [1, 2, 3]], ids=["a panic", "too few", "too many"])
def test_work_that_fails_in_any_way_leaves_nobody_waiting_and_the_next_are_done(fault):
    calls = []

    def work(tasks):
        calls.append(tasks)
        if len(calls) > 1:
            return tasks
        if isinstance(fault, BaseException):
            raise fault
        return fault

    async def main(batcher):
        first = await asyncio.wait_for(asyncio.gather(batcher.do(1), batcher.do(2), return_exceptions=True), 10)
        return [isinstance(error, Exception) for error in first], await batcher.do(3), batcher.depth

    assert run(main, work)[0] == ([True, True], 3, 0)


def test_a_thread_that_cannot_be_started_is_tried_again(monkeypatch):
    start, refused = threading.Thread.start, []

    def starts(thread):
        if not refused:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    async def main(batcher):
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        monkeypatch.setattr(threading.Thread, "start", starts)
        first = asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0.02)
        return await asyncio.wait_for(asyncio.gather(first, batcher.do(2)), 10)

    assert run(main, doubled)[0] == [2, 4]
    assert refused


def test_a_loop_that_is_closed_ends_no_thread(monkeypatch):
    ended, gate = [], threading.Event()
    monkeypatch.setattr(threading, "excepthook", ended.append)

    def work(tasks):
        gate.wait(10)
        return tasks

    async def main():
        batcher = Batcher("test", work, Batching(), Watching())
        task = asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0.02)
        task.cancel()
        return batcher

    batcher = asyncio.run(main())
    (thread,) = batcher._threads
    gate.set()
    thread.join(0.2)
    assert (thread.is_alive(), ended) == (True, [])

"""What waits goes together, no more than may; each gets its own."""

import asyncio
import threading
import time

import pytest
from batched import doubled, gated, run

from mrl_search.serve.refusals import RefusalError


def test_tasks_that_wait_go_together_and_each_gets_its_own_result():
    async def main(batcher):
        return await asyncio.gather(*(batcher.do(number) for number in range(5)))

    assert run(main, doubled, size=3) == ([0, 2, 4, 6, 8], [3, 2])


def test_a_batch_is_no_heavier_than_its_size_but_for_a_single_task():
    async def main(batcher):
        return await asyncio.gather(batcher.do(1, 2), batcher.do(2, 2), batcher.do(3, 9), batcher.do(4, 1))

    assert run(main, doubled, size=4, queue=20) == ([2, 4, 6, 8], [4, 9, 1])


def test_a_window_lets_later_ones_come_along():
    async def main(batcher):
        async def later():
            await asyncio.sleep(0.02)
            return await batcher.do(2)

        return await asyncio.gather(batcher.do(1), later())

    assert run(main, doubled, window_ms=200) == ([2, 4], [2])


def test_a_window_begins_when_the_first_comes_not_when_a_thread_is_free():
    gate = threading.Event()

    def work(tasks):
        gate.wait(10)
        return tasks

    async def main(batcher):
        heavy, light = asyncio.create_task(batcher.do(0, 2)), asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0.55)  # the heavy one, which needs no company, is worked on; the other has waited
        gate.set()
        await heavy
        start = time.monotonic()
        await light
        return time.monotonic() - start

    seconds, weights = run(main, work, size=2, window_ms=500)
    assert weights == [2, 1]
    assert seconds < 0.45


def test_closing_ends_a_window():
    async def main(batcher):
        task = asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0.02)
        await batcher.close()
        return await task

    assert run(main, doubled, window_ms=60_000)[0] == 2


def test_an_error_of_one_is_its_own():
    def work(tasks):
        return [ValueError("odd") if task % 2 else task for task in tasks]

    async def main(batcher):
        return await asyncio.gather(*(batcher.do(number) for number in range(3)), return_exceptions=True)

    found, _ = run(main, work)
    assert (found[0], str(found[1]), found[2]) == (0, "odd", 2)


def test_more_than_the_queue_holds_is_refused_and_a_cancelled_task_is_not_worked_on():
    gate, worked, work = gated()

    async def main(batcher):
        tasks = [asyncio.create_task(batcher.do(number)) for number in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(RefusalError) as caught:
            await batcher.do(3)
        assert (caught.value.status, batcher.is_full) == (429, True)
        tasks[1].cancel()
        gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True), batcher.depth

    found, depth = run(main, work, size=1, queue=3)[0]
    assert (found[0], type(found[1]), found[2], worked, depth) == (0, asyncio.CancelledError, 2, [0, 2], 0)


def test_nothing_is_accepted_that_would_wait_longer_than_its_callers_do():
    def slow(tasks):
        time.sleep(0.02 * len(tasks))
        return tasks

    async def main(batcher):
        await batcher.do(0)  # now it is known that each takes 20 ms, or more
        accepted = []
        while not batcher.is_full:
            accepted.append(asyncio.create_task(batcher.do(len(accepted))))
            await asyncio.sleep(0)
        with pytest.raises(RefusalError) as caught:
            await batcher.do(-1)
        assert caught.value.status == 429
        return await asyncio.gather(*accepted)

    answered, _ = run(main, slow, patience=0.1, queue=1_000)
    assert answered == list(range(len(answered)))
    assert 1 <= len(answered) <= 6


def test_a_heavy_task_is_accepted_where_nothing_waits():
    def slow(tasks):
        time.sleep(0.02)
        return tasks

    async def main(batcher):
        return [await batcher.do(number, 5) for number in range(3)]

    assert run(main, slow, patience=0.001)[0] == [0, 1, 2]


def test_who_goes_makes_room_at_once():
    gate = threading.Event()

    def work(tasks):
        gate.wait(10)
        return tasks

    async def main(batcher):
        tasks = [asyncio.create_task(batcher.do(number)) for number in range(3)]
        await asyncio.sleep(0.05)
        tasks[1].cancel()
        tasks[0].cancel()  # is worked on, and takes its room until that is done
        await asyncio.sleep(0)
        assert (batcher.depth, batcher.is_full) == (2, False)
        gate.set()
        return await tasks[2], batcher.depth

    assert run(main, work, size=1, queue=3)[0] == (2, 0)


def test_closing_finishes_what_was_accepted_and_refuses_the_rest():
    async def main(batcher):
        accepted = asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0)
        await batcher.close()
        with pytest.raises(RefusalError, match="shutting down"):
            await batcher.do(2)
        return await accepted

    assert run(main, doubled)[0] == 2


def test_who_goes_while_a_batch_is_put_together_takes_his_weight_with_him():
    async def main(batcher):
        task = asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0.01)  # it waits for others
        task.cancel()  # his answer is done now, he himself notices later
        assert batcher._taken() == []
        return await asyncio.gather(task, return_exceptions=True), batcher.depth

    ([found], depth), _ = run(main, doubled, window_ms=60_000)
    assert (type(found), depth) == (asyncio.CancelledError, 0)

"""Threads take what waits when they are free, share it, and begin the next batch before the last is done."""

import asyncio
import threading
import time

import pytest
from batched import Watching, doubled, gated, run

from mrl_search.serve import Batching
from mrl_search.serve.batching import Batcher


def test_free_threads_share_what_waits_and_work_at_once():
    together = threading.Barrier(2, timeout=10)  # neither batch ends before the other began

    def work(tasks):
        together.wait()
        return doubled(tasks)

    async def main(batcher):
        return await asyncio.gather(*(batcher.do(number) for number in range(7)))

    assert run(main, work, threads=2) == ([0, 2, 4, 6, 8, 10, 12], [4, 3])


def test_the_only_free_thread_takes_all_that_waits():
    gate, begun = threading.Event(), threading.Semaphore(0)

    def work(tasks):
        begun.release()
        if 0 in tasks:
            gate.wait(10)
        return tasks

    async def main(batcher):
        first = asyncio.create_task(batcher.do(0))
        await asyncio.to_thread(begun.acquire)
        others = await asyncio.gather(*(batcher.do(number) for number in (1, 2, 3)))  # while the first is worked on
        gate.set()
        return [await first, *others]

    assert run(main, work, threads=2) == ([0, 1, 2, 3], [1, 3])


def test_a_thread_goes_on_to_what_waits_however_busy_the_loop_is():
    worked, second = [], threading.Event()

    def work(tasks):
        worked.append(tasks)
        if len(worked) == 2:
            second.set()
        time.sleep(0.02)
        return tasks

    async def main(batcher):
        accepted = [asyncio.create_task(batcher.do(number)) for number in range(2)]
        await asyncio.sleep(0.01)
        assert second.wait(10)  # the loop does nothing else meanwhile
        return await asyncio.gather(*accepted)

    assert run(main, work, size=1) == ([0, 1], [1, 1])


def ahead(work, size=1, **told):
    """A batcher whose work(tasks, let_on) says when the next may begin."""
    batcher = Batcher(
        "test", lambda tasks: work(tasks, batcher.let_on), Batching(size=size, **told), Watching(), ahead=True
    )
    return batcher


def held_up():
    """(work, what it did, set when it has let the next on, what the batch of 0 waits for before it is done)."""
    told, let, gate = [], threading.Event(), threading.Event()

    def work(tasks, let_on):
        let_on()
        let.set()
        if tasks == [0]:
            gate.wait(10)
        told.extend(tasks)
        return tasks

    return work, told, let, gate


def test_the_next_batch_begins_beside_what_is_left_of_the_one_before():
    together, told = threading.Barrier(2, timeout=10), []

    def work(tasks, let_on):
        told.append(("front", *tasks))
        let_on()
        if tasks[0] < 2:
            together.wait()  # the second is in front while the first is not done
        told.append(("done", *tasks))
        return tasks

    async def main():
        batcher = ahead(work)
        found = await asyncio.gather(*(batcher.do(number) for number in range(3)))
        depth = batcher.depth
        await batcher.close()
        return found, depth

    assert asyncio.run(main()) == ([0, 1, 2], 0)
    assert told[:2] == [("front", 0), ("front", 1)]


def test_no_batch_begins_before_the_one_before_lets_it():
    inside, most = [], []

    def work(tasks, let_on):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.005)
        inside.pop()
        let_on()
        let_on()  # once is enough
        time.sleep(0.005)
        return tasks

    async def main():
        batcher = ahead(work)
        found = await asyncio.gather(*(batcher.do(number) for number in range(12)))
        await batcher.close()
        return found

    assert asyncio.run(main()) == list(range(12))
    assert set(most) == {1}


def test_what_is_to_be_done_afterwards_waits_for_what_is_left_and_holds_up_the_next_until_then():
    work, told, let, gate = held_up()

    async def main():
        batcher = ahead(work)
        first = asyncio.create_task(batcher.do(0))
        await asyncio.to_thread(let.wait, 10)
        batcher.afterwards(lambda: told.append("afterwards"))
        second = asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0.03)
        assert told == []
        gate.set()
        await asyncio.gather(first, second)
        await batcher.close()

    asyncio.run(main())
    assert told == [0, "afterwards", 1]


def test_what_is_to_be_done_afterwards_and_comes_within_a_window_waits_for_what_is_left():
    work, told, let, gate = held_up()

    async def main():
        batcher = ahead(work, size=2, window_ms=100)
        first = asyncio.create_task(batcher.do(0))
        await asyncio.to_thread(let.wait, 10)
        second = asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0.02)  # its window
        batcher.afterwards(lambda: told.append("afterwards"))
        await second
        assert told == [1]
        gate.set()
        await first
        await batcher.close()

    asyncio.run(main())
    assert told == [1, 0, "afterwards"]


def test_what_is_to_be_done_afterwards_is_done_after_what_is_worked_on(caplog):
    gate, done, work = gated()

    async def main(batcher):
        accepted = asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0.02)
        batcher.afterwards(lambda: done.append("afterwards"))
        batcher.afterwards(lambda: 1 / 0)
        gate.set()
        return [await accepted, await batcher.do(2)]

    assert run(main, work)[0] == [1, 2]
    assert done == [1, "afterwards", 2]
    assert "what was left to do after a batch failed" in caplog.text


def test_what_is_to_be_done_afterwards_is_done_where_nothing_was_ever_asked():
    done = []

    async def main(batcher):
        batcher.afterwards(lambda: done.append("afterwards"))

    run(main, doubled)
    assert done == ["afterwards"]


def test_closing_several_threads_finishes_what_each_works_on():
    def work(tasks):
        time.sleep(0.05)
        return tasks

    async def main(batcher):
        accepted = [asyncio.create_task(batcher.do(number)) for number in range(3)]
        await asyncio.sleep(0.01)
        await batcher.close()
        return await asyncio.gather(*accepted), batcher.depth

    assert run(main, work, threads=3)[0] == ([0, 1, 2], 0)


def test_with_a_window_one_thread_only_waits_for_others_to_come_along():
    most, inside = [], []

    def work(tasks):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.005)
        inside.pop()
        return tasks

    async def main():
        batcher = Batcher("test", work, Batching(size=2, window_ms=3), Watching(), ahead=True)
        found = []
        for number in range(8):
            found += await asyncio.gather(*(batcher.do(number) for _ in range(3)))
        await batcher.close()
        return found

    assert len(asyncio.run(main())) == 24
    assert set(most) == {1}


@pytest.mark.parametrize(("seconds_each", "weights"), [(2.0, [4, 4]), (0.01, [4, 1, 3])])
def test_beside_a_thread_that_works_as_much_is_waited_for_but_not_long(seconds_each, weights):
    gate, begun = threading.Event(), threading.Event()

    def work(tasks):
        begun.set()
        if tasks == ["held"]:
            gate.wait(10)
        return tasks

    async def main(batcher):
        held = asyncio.create_task(batcher.do("held", 4))
        await asyncio.to_thread(begun.wait, 10)
        batcher._seconds_each = seconds_each  # a quarter of 4 times that is waited for
        others = [asyncio.create_task(batcher.do(0))]
        await asyncio.sleep(0.2)
        others += [asyncio.create_task(batcher.do(number)) for number in range(1, 4)]
        found = await asyncio.gather(*others)
        gate.set()
        await held
        return found

    assert run(main, work, threads=2, size=8) == ([0, 1, 2, 3], weights)

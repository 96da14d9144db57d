"""What waits goes together, no more than may; each gets its own."""

import asyncio
import math
import threading
import time

import pytest

from mrl_search.serve import Batching
from mrl_search.serve.batching import Batcher
from mrl_search.serve.refusals import RefusalError


class Watching:
    def __init__(self):
        self.weights = []

    def batch(self, name, weight, waited):
        self.weights.append(weight)


def run(main, work, patience=math.inf, threads=1, **told):
    """What `main(batcher)` returns, and the batches' weights."""
    watching = Watching()

    async def all_of_it():
        batcher = Batcher("test", work, Batching(**told), watching, patience, threads)
        try:
            return await main(batcher)
        finally:
            await batcher.close()

    return asyncio.run(all_of_it()), watching.weights


def doubled(tasks):
    return [2 * task for task in tasks]


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


def test_an_error_of_one_is_its_own():
    def work(tasks):
        return [ValueError("odd") if task % 2 else task for task in tasks]

    async def main(batcher):
        return await asyncio.gather(*(batcher.do(number) for number in range(3)), return_exceptions=True)

    found, _ = run(main, work)
    assert (found[0], str(found[1]), found[2]) == (0, "odd", 2)


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


def test_more_than_the_queue_holds_is_refused_and_a_cancelled_task_is_not_worked_on():
    gate, worked = threading.Event(), []

    def work(tasks):
        gate.wait(10)
        worked.extend(tasks)
        return tasks

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


def ahead(work):
    """(a batcher whose work lets on when it says so, what was worked on): work(tasks, let_on)."""
    one = {}
    watching = Watching()
    one["batcher"] = Batcher(
        "test", lambda tasks: work(tasks, one["batcher"].let_on), Batching(size=1), watching, ahead=True
    )
    return one["batcher"]


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
    told, let, gate = [], threading.Event(), threading.Event()

    def work(tasks, let_on):
        let_on()
        let.set()
        if tasks == [0]:
            gate.wait(10)
        told.extend(tasks)
        return tasks

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


def test_what_is_to_be_done_afterwards_is_done_after_what_is_worked_on(caplog):
    gate, done = threading.Event(), []

    def work(tasks):
        gate.wait(10)
        done.extend(tasks)
        return tasks

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


def test_who_goes_while_a_batch_is_put_together_takes_his_weight_with_him():
    async def main(batcher):
        task = asyncio.create_task(batcher.do(1))
        await asyncio.sleep(0.01)  # it waits for others
        task.cancel()  # his answer is done now, he himself notices later
        assert batcher._taken() == []
        return await asyncio.gather(task, return_exceptions=True), batcher.depth

    ([found], depth), _ = run(main, doubled, window_ms=50)
    assert (type(found), depth) == (asyncio.CancelledError, 0)

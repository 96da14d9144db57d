"""Tasks of one caller: all are accepted, or none."""

import asyncio
import time

import pytest
from batched import doubled, run

from mrl_search.serve.refusals import RefusalError


def test_several_tasks_of_one_caller_are_accepted_together_where_nothing_waits():
    """Each was weighed with those before it: a large request to a slow encoder was refused for ever, and begun."""

    def slow(tasks):
        time.sleep(0.02)
        return doubled(tasks)

    async def main(batcher):
        await batcher.do(0)  # now it is known that a weight of 1 takes 20 ms
        return await batcher.do_all([1, 2, 3], [5, 5, 5])

    assert run(main, slow, patience=0.05, size=5) == ([2, 4, 6], [1, 5, 5, 5])


def test_of_several_tasks_for_which_there_is_no_room_none_is_worked_on():
    async def main(batcher):
        with pytest.raises(RefusalError, match="too many requests wait"):
            await batcher.do_all([1, 2, 3], [5, 5, 5])

    assert run(main, doubled, queue=14) == (None, [])


def test_who_cancels_several_tasks_or_fails_in_one_gives_up_the_others():
    def work(tasks):
        time.sleep(0.02)
        return [ValueError("odd") if task % 2 else task for task in tasks]

    async def main(batcher):
        with pytest.raises(ValueError, match="odd"):
            await batcher.do_all([1, 2, 4], [1, 1, 1])
        failed = batcher.depth
        task = asyncio.create_task(batcher.do_all([2, 4, 6], [1, 1, 1]))
        await asyncio.sleep(0)
        task.cancel()
        found = await asyncio.gather(task, return_exceptions=True)
        return failed, type(found[0]), batcher.depth

    (failed, found, depth), weights = run(main, work, size=1)
    assert (failed <= 1, found, depth <= 1) == (True, asyncio.CancelledError, True)
    assert sum(weights) <= 4

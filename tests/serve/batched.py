"""A batcher on a loop of its own, and what it was seen to do."""

import asyncio
import math
import threading

from mrl_search.serve import Batching
from mrl_search.serve.batching import Batcher


def gated():
    """An event, the tasks that were worked on, and work that waits for the event."""
    gate, worked = threading.Event(), []

    def work(tasks):
        gate.wait(10)
        worked.extend(tasks)
        return tasks

    return gate, worked, work


class Watching:
    def __init__(self):
        self.weights = []

    def batch(self, name, weight, waited):
        self.weights.append(weight)

    def weighs(self, name, more):
        pass


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

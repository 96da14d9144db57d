"""Texts are encoded together, and queries that were asked before are remembered."""

import asyncio
import threading

import numpy as np
import pytest

import mrl_search
from mrl_search.serve import Batching
from mrl_search.serve.desk import Desk, SharedEncoder
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.refusals import RefusalError

HASHING = mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))


class Counting:
    """The hashing encoder, which notes what it is asked."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        return getattr(HASHING, name)

    def encode_queries(self, texts):
        self.asked.append(list(texts))
        return HASHING.encode_queries(texts)

    def encode_documents(self, texts):
        self.asked.append(list(texts))
        return HASHING.encode_documents(texts)


class Shared(Counting):
    """The same, which several threads may use at once, two of them at a time."""

    is_shared = True

    def __init__(self):
        super().__init__()
        self.at_once = threading.Barrier(2, timeout=10)

    def encode_documents(self, texts):
        self.at_once.wait()
        return super().encode_documents(texts)


def run(main, encoder=None, **told):
    """What `main(desk)` returns, and what the encoder was asked."""
    encoder = encoder or Counting()

    async def all_of_it():
        desk = Desk(encoder, Batching(**told), Metrics())
        try:
            return await main(desk)
        finally:
            await desk.batcher.close()

    return asyncio.run(all_of_it()), encoder.asked


def test_a_query_is_encoded_once():
    async def main(desk):
        first = await desk.queries(["a b", "c d", "a b"])
        return first, await desk.queries(["c d", "e f"])

    (first, second), asked = run(main)
    np.testing.assert_array_equal(first, HASHING.encode_queries(["a b", "c d", "a b"]))
    np.testing.assert_array_equal(second, HASHING.encode_queries(["c d", "e f"]))
    assert asked == [["a b", "c d"], ["e f"]]


def test_no_more_queries_are_remembered_than_may_be():
    async def main(desk):
        for text in ("a", "b", "c", "a"):
            await desk.queries([text])

    assert run(main, remembered=2)[1] == [["a"], ["b"], ["c"], ["a"]]


def test_requests_that_wait_are_encoded_together_and_each_gets_its_own():
    async def main(desk):
        return await asyncio.gather(desk.documents(["a", "b"]), desk.queries(["c"]), desk.documents(["d"]))

    found, asked = run(main)
    np.testing.assert_array_equal(np.concatenate(found), HASHING.encode_documents(["a", "b", "c", "d"]))
    assert asked == [["c"], ["a", "b", "d"]]


def test_many_documents_are_encoded_in_blocks_between_which_a_query_may_come():
    encoder = Counting()
    texts = [f"text {number}" for number in range(40)]
    found = SharedEncoder(encoder).encode_documents(texts)
    np.testing.assert_array_equal(found, HASHING.encode_documents(texts))
    assert [len(some) for some in encoder.asked] == [16, 16, 8]


def test_a_large_request_is_shared_by_the_threads_of_an_encoder_that_several_may_use(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    texts = [f"text {number}" for number in range(64)]

    async def main(desk):
        return await desk.documents(texts)

    found, asked = run(main, Shared())  # whose threads wait for each other
    np.testing.assert_array_equal(found, HASHING.encode_documents(texts))
    assert sorted(len(some) for some in asked) == [32, 32]


def test_a_large_request_for_which_there_is_no_room_is_refused_before_any_of_it_is_encoded(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})

    async def main(desk):
        with pytest.raises(RefusalError, match="too many requests wait"):
            await desk.documents([f"text {number}" for number in range(65)])

    assert run(main, Shared(), queue=64)[1] == []

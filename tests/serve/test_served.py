"""What another process commits is served, and no request is lost meanwhile."""

import asyncio
import json
import threading
from types import SimpleNamespace
from unittest.mock import AsyncMock

from living_corpus import document
from serving import served, until

import mrl_search
from mrl_search.serve import Timeouts
from mrl_search.serve.served import ServedIndex

SOON = Timeouts(reload=0.05)


def count(client):
    return client.get("/v1/indexes").json()["indexes"][0]["documents"]


def more(tmp_path, *documents):
    path = tmp_path / "more.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in documents))
    return path


def test_a_commit_of_another_process_is_served(built, tmp_path):
    with served(built, timeouts=SOON) as (_, client):
        mrl_search.add(built, more(tmp_path, document(99, "a newcomer")))
        until(lambda: count(client) == 31)
        answer = client.post("/v1/search", json={"query": "a newcomer", "k": 1}).json()
        assert answer["results"][0]["answers"][0]["id"] == "d99"
        assert 'mrl_search_reload_seconds_count{index="index"} 1.0' in client.get("/metrics").text


def test_what_was_opened_on_a_thread_is_waited_for_until_it_is_served(tmp_path):
    opened = SimpleNamespace(warm_up=lambda: None, close=lambda: None, stored=SimpleNamespace(has_bounds=False))
    store = SimpleNamespace(stamp=lambda _: "stamp", state=lambda _: "state", open=lambda *_: opened)
    index = ServedIndex(tmp_path, store, encoder_for=None, afterwards=None, device="cpu", metrics=None)

    async def open_and_ask():
        await asyncio.to_thread(index._opened)  # the loop has not gone on to serve it
        index.reload = AsyncMock()
        await index.catch_up()
        index.reload.assert_awaited_once()

    asyncio.run(open_and_ask())


def test_an_index_that_was_built_anew_with_another_encoder_is_served(built, tmp_path):
    with served(built, timeouts=SOON) as (_, client):
        options = mrl_search.BuildOptions(force=True)
        source = more(tmp_path, document(1), document(2))
        mrl_search.build(source, built, dims=(8, 32), encoder="hashing:32", options=options)
        until(lambda: count(client) == 2)
        assert client.post("/v1/search", json={"query": "number"}).status_code == 200
        assert client.get("/v1/indexes").json()["indexes"][0]["encoder"] == "hashing:32"


def test_no_request_is_lost_while_commits_come(built, tmp_path):
    with served(built, timeouts=SOON) as (_, client):
        statuses, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                answer = client.post("/v1/search", json={"query": f"number {len(statuses)}", "k": 5})
                statuses.append((answer.status_code, len(answer.json()["results"][0]["answers"])))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(5):
            mrl_search.add(built, more(tmp_path, document(100 + number)))
            mrl_search.delete(built, [f"d{number}"])
        until(lambda: count(client) == 30)
        stop.set()
        for thread in threads:
            thread.join()
        assert set(statuses) == {(200, 5)}


def test_a_commit_that_cannot_be_opened_leaves_what_is_served_and_the_next_one_is_opened(built, tmp_path, monkeypatch):
    from mrl_search.serve import store as module

    opened, broken = module.open_retriever, threading.Event()

    def open_or_not(*given, **told):
        if broken.is_set():
            raise RuntimeError("it cannot be opened")
        return opened(*given, **told)

    monkeypatch.setattr(module, "open_retriever", open_or_not)
    with served(built, timeouts=SOON) as (_, client):
        broken.set()
        mrl_search.add(built, more(tmp_path, document(99)))
        until(lambda: 'reloads_total{index="index",outcome="failed"}' in client.get("/metrics").text)
        assert count(client) == 30
        assert client.post("/v1/search", json={"query": "number"}).status_code == 200
        broken.clear()
        until(lambda: count(client) == 31)

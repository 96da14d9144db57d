"""Several processes that are one server: what one is told all know."""

import os
import re
import threading
from contextlib import contextmanager

import pytest
from together import client, counting, together, who

from mrl_search.errors import ServeError
from mrl_search.serve import Settings, create_key
from mrl_search.serve.processes import shares


@pytest.fixture(scope="module")
def pair(library):
    """Two processes that serve the library."""
    with together(library, "--read-only") as server:
        yield server


def test_connections_go_to_the_processes_in_turn_and_stay(pair):
    with client(pair) as one, client(pair) as other:
        names = [who(each.get("/healthz")) for each in (one, other, one, other)]
    assert names[:2] == names[2:]
    assert len(set(names)) == 2


def test_they_count_together_whichever_is_asked(pair):
    def counted(asked):
        found = re.search(r'requests_total\{route="/v1/models",status="200"\} (\d+)', asked.get("/metrics").text)
        return int(found[1]) if found else 0

    with client(pair) as one, client(pair) as other:
        before = counted(one)
        for each in (one, other, other):
            each.get("/v1/models")
        assert [counted(each) - before for each in (one, other)] == [3, 3]
        text = one.get("/metrics").text
    assert 'mrl_search_documents{index="animals"} 40.0' in text
    assert 'mrl_search_queue_depth{queue="search"} 0.0' in text


def test_what_they_count_in_has_its_room_so_that_none_is_killed_where_memory_is_full(pair):
    with client(pair) as one, client(pair) as other:
        for each in (one, other):
            for path in ("/", "/metrics", "/v1/indexes", "/nowhere"):
                each.get(path)
            each.post("/v1/search", json={"query": "red fox"})
    found = [path.stat() for path in counting(pair).iterdir()]
    assert len(found) == 1 + 2 * 4  # callers, and of each its kinds of numbers
    assert all(one.st_blocks * 512 >= one.st_size for one in found)


@contextmanager
def asked_all_the_time(server, callers=4):
    """By others, while a commit is brought to the disk, too."""
    done = threading.Event()

    def ask():
        with client(server) as caller:
            while not done.wait(0.002):
                caller.post("/v1/search", json={"query": "number", "k": 1})

    threads = [threading.Thread(target=ask) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_what_one_has_written_every_other_finds_at_once(built):
    with together(built) as server, client(server) as one, client(server) as other, asked_all_the_time(server):
        for number in range(20):
            writer, reader = (one, other) if number % 2 else (other, one)
            document = {"id": f"n{number}", "text": f"brand new {number}"}
            assert writer.post("/v1/documents", json={"documents": [document]}).status_code == 200
            (index,) = reader.get("/v1/indexes").json()["indexes"]
            assert index["documents"] == 31 + number
            found = reader.post("/v1/search", json={"query": f"brand new {number}", "k": 1}).json()
            assert found["results"][0]["answers"][0]["id"] == f"n{number}"
        writers = [
            threading.Thread(
                target=lambda each, name: answers.append(
                    each.post("/v1/documents", json={"documents": [{"id": name, "text": "both"}]}).status_code
                ),
                args=(each, name),
            )
            for each, name in ((one, "a"), (other, "b"))
        ]
        answers = []
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        assert answers == [200, 200]


def test_a_caller_has_one_rate_at_all_of_them(library, tmp_path):
    keys = tmp_path / "keys.json"
    headers = {"authorization": f"Bearer {create_key(keys, 'reader', ['read'])}"}
    with (
        together(library, "--keys", str(keys), "--rate", "0.001") as server,
        client(server, headers=headers) as one,
        client(server, headers=headers) as other,
    ):
        answers = [each.get("/v1/models") for each in (one, other)]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert len({who(answer) for answer in answers}) == 2


@pytest.mark.parametrize(
    ("count", "have", "wanted"),
    [
        (2, {0, 1}, [{0}, {1}]),
        (2, {0, 1, 2, 3, 4}, [{0, 1}, {2, 3, 4}]),
        (3, {4, 5}, [{4}, {5}, {4}]),
        (1, {0, 1}, [{0, 1}]),
    ],
)
def test_processors_are_shared_out(count, have, wanted, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: have)
    assert shares(count) == wanted


def test_no_processes_cannot_serve(tmp_path):
    with pytest.raises(ServeError, match="0 processes cannot serve"):
        Settings((tmp_path,), servers=0)

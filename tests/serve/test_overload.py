"""When more is asked than can be answered, what is accepted is answered and the rest is told to wait."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from serving import served, with_limits

from mrl_search.serve import Batching, Timeouts

SEARCH = {"query": "red fox", "k": 1}


@pytest.fixture
def slow(library, monkeypatch):
    """Serves the library; a search goes on as long as the gate is shut, four may wait."""
    from mrl_search.serve import searching

    gate = threading.Event()
    search = searching.search

    def waiting(*told):
        assert gate.wait(20)
        return search(*told)

    monkeypatch.setattr(searching, "search", waiting)
    limits = with_limits(queries=4, inputs=4)
    batching = Batching(size=1, queue=4)
    with served(library, limits=limits, batching=batching, timeouts=Timeouts(request=5)) as (server, client):
        yield server, client, gate
        gate.set()


def ask(client, **headers):
    return client.post("/v1/search", json=SEARCH, headers=headers)


def waits_until(holds):
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def waits_for(server, depth):
    waited = "mrl_search_queue_depth", {"queue": "search"}
    waits_until(lambda: server.engine.metrics.registry.get_sample_value(*waited) == depth)


def counted(server):
    return server.engine.metrics.text().decode()


def test_a_full_queue_is_told_and_what_was_accepted_is_answered(slow):
    server, client, gate = slow
    with ThreadPoolExecutor(4) as pool:
        accepted = [pool.submit(ask, client) for _ in range(4)]
        waits_for(server, 4)
        answer = ask(client)
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        gate.set()
        assert [one.result().status_code for one in accepted] == [200] * 4
    waits_for(server, 0)


def test_what_is_not_done_in_time_is_told(slow):
    _, client, _ = slow
    start = time.monotonic()
    answer = ask(client, **{"x-timeout-ms": "200"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline")
    assert time.monotonic() - start < 3


def test_who_goes_is_not_searched_for(slow):
    server, client, gate = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, client)
        waits_for(server, 1)
        for _ in range(2):
            with pytest.raises(httpx2.ReadTimeout):
                client.post("/v1/search", json=SEARCH, timeout=0.3)
        waits_until(lambda: 'mrl_search_refused_total{code="gone"} 2.0' in counted(server))
        gate.set()
        assert first.result().status_code == 200
    waits_for(server, 0)
    assert 'mrl_search_batch_size_count{kind="search"} 1.0' in counted(server)


def test_a_time_that_is_none_is_refused(client):
    assert ask(client, **{"x-timeout-ms": "soon"}).status_code == 422


def test_shutting_down_finishes_what_was_accepted(slow):
    server, client, gate = slow
    with ThreadPoolExecutor(2) as pool:
        accepted = [pool.submit(ask, client) for _ in range(2)]
        waits_for(server, 2)
        server.should_exit = True
        time.sleep(0.3)
        gate.set()
        assert [one.result().status_code for one in accepted] == [200, 200]

"""A connection is not held by who is slow, and who is one too many is told so without the app hearing of it."""

import json
import re
import time
from contextlib import suppress

import pytest
from serving import connection, served, until, with_limits

from mrl_search.serve import Timeouts

SEARCH = b'{"query": "red fox", "k": 1}'


def request(host, body=SEARCH, *headers, length=None):
    lines = [b"POST /v1/search HTTP/1.1", b"host: " + host.encode(), b"content-type: application/json", *headers]
    lines.append(b"content-length: %d" % (len(body) if length is None else length))
    return b"\r\n".join([*lines, b"", body])


def answers(connected, count=1):
    """(status, the JSON) of the next answers."""
    said, found = b"", []
    for _ in range(count):
        while b"\r\n\r\n" not in said:
            said += connected.recv(65_536)
        head, _, said = said.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        while len(said) < length:
            said += connected.recv(65_536)
        found.append((int(head[9:12]), json.loads(said[:length])))
        said = said[length:]
    return found


def answer(connected):
    return answers(connected)[0]


def ends(connected, seconds=5):
    """Whether the server closes it in time."""
    connected.settimeout(seconds)
    try:
        return connected.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_headers_that_come_too_slowly_end_the_connection(library):
    with served(library, timeouts=Timeouts(headers=0.2)) as (_, client), connection(client) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nhost: local")
        assert ends(slow)


def test_a_connection_on_which_nothing_is_asked_ends(library):
    with served(library, timeouts=Timeouts(headers=0.2)) as (_, client), connection(client) as idle:
        assert ends(idle)


def test_a_kept_connection_on_which_only_line_ends_come_ends(library):
    """uvicorn stops to wait for the next request at any byte, and these begin none."""
    with served(library, timeouts=Timeouts(idle=0.3)) as (_, client), connection(client) as idle:
        idle.sendall(request(client.base_url.host))
        assert answer(idle)[0] == 200
        idle.sendall(b"\r\n")
        assert ends(idle)


def test_headers_without_end_end_the_connection(client):
    with connection(client) as endless:
        endless.sendall(b"GET /healthz HTTP/1.1\r\n")
        with pytest.raises(OSError):
            for _ in range(1_000):
                endless.sendall(b"x-more: " + b"x" * 10_000 + b"\r\n")
            assert endless.recv(1) == b"never"


def test_the_body_of_one_request_is_not_counted_as_headers_of_the_next(client):
    long = json.dumps({"query": "red fox", "k": 1, "where": "id != '" + 19_000 * "x" + "'"}).encode()
    host = client.base_url.host
    with connection(client) as piped:
        piped.sendall(5 * request(host, long) + b"GET /healthz HTTP/1.1\r\n")
        time.sleep(0.05)
        piped.sendall(b"host: " + host.encode() + b"\r\n\r\n")
        assert [status for status, _ in answers(piped, 6)] == [200] * 6


def test_a_body_that_comes_too_slowly_is_refused(library):
    with served(library, timeouts=Timeouts(body=0.2)) as (_, client), connection(client) as slow:
        slow.sendall(request(client.base_url.host, b"{", length=50))
        assert answer(slow)[0] == 408
        assert ends(slow)


def test_who_was_answered_and_does_not_end_his_body_holds_no_connection(library):
    """uvicorn waits for it for ever once a byte came after the answer."""
    with served(library, timeouts=Timeouts(body=0.1)) as (_, client), connection(client) as slow:
        slow.sendall(request(client.base_url.host, b"{", b"origin: https://evil.example", length=50))
        assert answer(slow)[0] == 403
        slow.sendall(b"x")
        assert ends(slow)


def test_who_does_not_take_his_answer_holds_no_connection(tmp_path):
    import mrl_search

    path = tmp_path / "long.jsonl"
    path.write_text(
        "".join(json.dumps({"id": str(n), "text": f"long {n} " + "x" * 100_000}) + "\n" for n in range(100))
    )
    index = mrl_search.build(path, tmp_path / "long", dims=(16, 64), encoder="hashing:64")
    with served(index, timeouts=Timeouts(taken=0.3)) as (server, client):
        with connection(client, receives=4_096) as lazy:
            lazy.sendall(request(client.base_url.host, b'{"query": "long", "funnel": "16:100,64:100"}'))
            assert lazy.recv(100).startswith(b"HTTP/1.1 200")
            end = time.monotonic() + 5
            while server.server_state.connections:
                assert time.monotonic() < end
                time.sleep(0.02)
        assert client.post("/v1/search", json={"query": "long", "funnel": "16:100,64:100"}).status_code == 200


@pytest.fixture
def full(library, monkeypatch):
    """(server, client) of a server whose queue is full."""
    with served(library, limits=with_limits(queries=4, inputs=4)) as (server, client):
        admission = server.config.loaded_app.admission
        monkeypatch.setattr(type(admission), "is_full", True)
        yield server, client


def test_a_full_server_refuses_before_the_app_hears_of_it_and_the_connection_goes_on(full, monkeypatch):
    server, client = full
    host = client.base_url.host
    with connection(client) as kept:
        for _ in range(3):
            kept.sendall(request(host))
            status, told = answer(kept)
            assert (status, told["error"]["code"]) == (429, "overloaded")
        assert server.server_state.total_requests == 0
        monkeypatch.undo()
        kept.sendall(request(host))
        assert answer(kept)[0] == 200


def test_a_refusal_comes_before_the_body_and_looks_like_every_other(full):
    _, client = full
    host = client.base_url.host
    with connection(client) as slow:
        slow.sendall(request(host, SEARCH[:5], length=len(SEARCH)))
        assert answer(slow)[0] == 429
        slow.sendall(SEARCH[5:] + request(host))
        assert answer(slow)[0] == 429
    told = client.post("/v1/search", json={})
    assert {"date", "retry-after", "retry-after-ms", "x-content-type-options", "content-security-policy"} <= set(
        told.headers
    )
    assert told.headers["content-type"] == "application/json"
    assert 'refused_total{code="overloaded"} 3.0' in client.get("/metrics").text


def test_requests_that_come_together_are_refused_one_by_one(full, monkeypatch):
    _, client = full
    host = client.base_url.host
    with connection(client) as piped:
        piped.sendall(3 * request(host) + b"GET /healthz HTTP/1.1\r\nhost: " + host.encode() + b"\r\n\r\n")
        assert [status for status, _ in answers(piped, 4)] == [429, 429, 429, 200]
        piped.sendall(2 * request(host))
        assert [status for status, _ in answers(piped, 2)] == [429, 429]
        monkeypatch.undo()
        piped.sendall(2 * request(host))
        assert [status for status, _ in answers(piped, 2)] == [200, 200]


def test_who_was_refused_and_does_not_end_his_body_holds_no_connection(library, monkeypatch):
    with served(library, timeouts=Timeouts(body=0.1)) as (server, client), connection(client) as slow:
        monkeypatch.setattr(type(server.config.loaded_app.admission), "is_full", True)
        slow.sendall(request(client.base_url.host, b"{", length=50))
        assert answer(slow)[0] == 429
        slow.sendall(b"x")
        assert ends(slow)


def test_who_was_refused_and_asks_no_more_holds_no_connection(library, monkeypatch):
    with served(library, timeouts=Timeouts(idle=0.3)) as (server, client), connection(client) as idle:
        monkeypatch.setattr(type(server.config.loaded_app.admission), "is_full", True)
        idle.sendall(request(client.base_url.host))
        assert answer(idle)[0] == 429
        assert ends(idle)


def test_who_takes_no_refusals_is_not_refused_for_ever(full):
    """What is not taken is kept, so no more is made."""
    server, client = full
    with connection(client, receives=4_096) as lazy:
        assert stops_reading(lazy, 1_000 * request(client.base_url.host))
        assert server.engine.metrics.refused_unread["/v1/search"] < 100_000


def test_of_requests_that_come_together_few_wait_in_the_server(reading):
    """uvicorn read a packet more for each answer: a gigabyte of requests for a thousand answers."""
    server, client = reading
    with connection(client, receives=4_096) as lazy:
        assert stops_reading(lazy, 1_000 * b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        until(lambda: any(kept.pipeline for kept in server.server_state.connections))
        assert all(len(kept.pipeline) < 10_000 for kept in server.server_state.connections)


def test_no_more_come_for_each_body_that_is_asked_for(reading):
    """uvicorn read a packet then, too: all of 200 MB was kept for a caller who took no answers."""
    server, client = reading
    with connection(client, receives=4_096) as lazy:
        lazy.settimeout(2)
        with suppress(TimeoutError):
            lazy.sendall(100_000 * request(client.base_url.host))
        assert all(len(kept.pipeline) < 10_000 for kept in server.server_state.connections)


def test_who_waits_for_those_before_it_is_not_late(library, monkeypatch):
    """Half of a request had been read with those before it, and nothing more was: the connection was reset."""
    with served(library, timeouts=Timeouts(headers=0.3, body=0.3)) as (server, client), connection(client) as piped:
        work = server.engine._searches._work
        monkeypatch.setattr(server.engine._searches, "_work", lambda tasks: time.sleep(0.1) or work(tasks))
        one = request(client.base_url.host)
        piped.sendall(20 * one + one[:-5])
        time.sleep(1)
        piped.sendall(one[-5:])
        assert [status for status, _ in answers(piped, 21)] == [200] * 21


def stops_reading(connected, asked):
    """Whether it comes to take no more; both systems' buffers may hold tens of megabytes."""
    connected.settimeout(0.5)
    try:
        for _ in range(200_000_000 // len(asked)):
            connected.sendall(asked)
    except TimeoutError:
        return True
    return False


def test_a_full_server_answers_what_waits_in_no_queue(full):
    _, client = full
    assert client.get("/v1/indexes").status_code == client.get("/healthz").status_code == 200


def test_what_is_not_http_is_refused(client):
    with connection(client) as strange:
        strange.sendall(b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
        assert answer(strange) == (400, {"error": {
            "message": "this is not HTTP/1.1", "type": "invalid_request_error", "code": "not_http",
        }})  # fmt: skip
        assert ends(strange)

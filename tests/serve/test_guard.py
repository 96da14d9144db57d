"""Who may enter, how much may be sent, how long it may take."""

import gc
import json
import socket
import time

import pytest
from serving import connection, served, with_limits

from mrl_search.serve import create_key, guard, revoke_key

SEARCH = {"query": "red fox", "k": 1}


@pytest.fixture(scope="module")
def keyed(library, tmp_path_factory):
    """(client, keys' file, a key that reads, one that writes)."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    reads, writes = create_key(path, "reader", ["read"]), create_key(path, "writer", ["write"])
    with served(library, keys=path, read_only=True) as (_, client):
        yield client, path, reads, writes


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def refused(answer):
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "headers", [{}, bearer("mrl_wrong"), {"authorization": "Bearer"}, {"authorization": "Basic abc"}]
)
def test_without_a_key_that_it_knows_nothing_is_told(keyed, headers):
    client, *_ = keyed
    for method, path in (("POST", "/v1/search"), ("GET", "/v1/indexes"), ("GET", "/metrics"), ("GET", "/v1/nothing")):
        answer = client.request(method, path, json=SEARCH, headers=headers)
        assert refused(answer) == (401, "key_unknown")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
def test_some_paths_need_no_key(keyed, path):
    assert keyed[0].get(path).status_code == 200


def test_a_key_does_what_its_scopes_say(keyed):
    client, _, reads, writes = keyed
    assert client.post("/v1/search", json=SEARCH, headers=bearer(reads)).status_code == 200
    assert refused(client.post("/v1/documents", json={}, headers=bearer(reads))) == (403, "scope_missing")
    assert refused(client.post("/v1/search", json=SEARCH, headers=bearer(writes))) == (403, "scope_missing")
    document = {"documents": [{"id": "a", "text": "b"}]}
    assert refused(client.post("/v1/documents", json=document, headers=bearer(writes))) == (403, "read_only")


@pytest.fixture
def looks_often(monkeypatch):
    """The file of keys is looked at twenty times a second."""
    monkeypatch.setattr("mrl_search.serve.keys._LOOK_SECONDS", 0.05)


def test_keys_come_and_go_without_a_restart(keyed, looks_often):
    client, path, *_ = keyed
    fresh = create_key(path, "fresh", ["read"])
    ask = lambda: client.post("/v1/search", json=SEARCH, headers=bearer(fresh)).status_code  # noqa: E731
    within(lambda: ask() == 200)
    revoke_key(path, "fresh")
    within(lambda: ask() == 401)


def test_a_file_of_keys_that_cannot_be_read_lets_nobody_in(library, tmp_path, looks_often):
    path = tmp_path / "keys.json"
    key = create_key(path, "reader", ["read"])
    with served(library, keys=path) as (_, client):
        whole = path.read_text()
        path.write_text("{")
        ask = lambda: client.post("/v1/search", json=SEARCH, headers=bearer(key))  # noqa: E731
        within(lambda: ask().status_code == 503)
        assert refused(ask()) == (503, "keys_unreadable")
        path.write_text(whole)
        within(lambda: ask().status_code == 200)


def within(true, seconds=5):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_name_that_is_not_the_server_s_is_refused_where_there_are_no_keys(client):
    answer = client.post("/v1/search", json=SEARCH, headers={"host": "evil.example"})
    assert refused(answer) == (403, "host_unknown")


def test_a_public_server_without_keys_goes_by_addresses_and_names_it_was_told(library):
    with served(library, host="0.0.0.0", forced=True, hosts=("search.example",)) as (_, client):
        for host in ("10.1.2.3:8000", "[2001:db8::1]", "search.example", "localhost", socket.gethostname()):
            assert client.get("/healthz", headers={"host": host}).status_code == 200, host
        answer = client.post("/v1/search", json=SEARCH, headers={"host": "evil.example"})
        assert refused(answer) == (403, "host_unknown")


def test_a_request_that_names_two_hosts_is_refused(keyed):
    with connection(keyed[0]) as caller:
        caller.sendall(b"GET /healthz HTTP/1.1\r\nhost: evil.example\r\nhost: localhost\r\n\r\n")
        assert caller.recv(12) == b"HTTP/1.1 400"


def test_a_name_that_is_allowed_may_be_written_in_any_case(library):
    with served(library, hosts=("Search.example",)) as (_, client):
        assert client.get("/healthz", headers={"host": "SEARCH.example:80"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://[::1", "https://"])
def test_another_page_may_not_call(client, origin):
    answer = client.post("/v1/search", json=SEARCH, headers={"origin": origin})
    assert refused(answer) == (403, "origin_forbidden")
    assert "access-control-allow-origin" not in answer.headers


def test_the_server_s_own_page_may_call(client):
    own = str(client.base_url).rstrip("/")
    assert client.post("/v1/search", json=SEARCH, headers={"origin": own}).status_code == 200


def test_a_page_of_an_allowed_origin_may_call(library):
    page = {"origin": "https://good.example"}
    with served(library, origins=("https://good.example",)) as (_, client):
        asks = {**page, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        preflight = client.options("/v1/search", headers=asks)
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, page["origin"])
        answer = client.post("/v1/search", json=SEARCH, headers=page)
        assert answer.headers["access-control-allow-origin"] == page["origin"]
        assert "retry-after" in answer.headers["access-control-expose-headers"]


def test_a_body_that_does_not_say_it_is_json_is_refused(client):
    """A page elsewhere can make a browser send text/plain unasked, not application/json."""
    answer = client.post("/v1/search", content=json.dumps(SEARCH), headers={"content-type": "text/plain"})
    assert refused(answer) == (415, "not_json")


def test_every_answer_has_the_headers_that_browsers_heed(client):
    for answer in (client.get("/healthz"), client.get("/nothing"), client.post("/v1/search", json={})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


def test_a_request_s_own_id_is_given_back_and_a_strange_one_is_not(client):
    assert client.get("/healthz", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert len(client.get("/healthz", headers={"x-request-id": "a b"}).headers["x-request-id"]) == 32


def test_large_bodies_are_refused_before_they_are_read(library):
    with served(library, limits=with_limits(body_bytes=1_000)) as (_, client):
        assert refused(client.post("/v1/search", json={"query": "x" * 2_000})) == (413, "body_too_large")
        answer = client.post("/v1/search", content=iter([b"x" * 600] * 3), headers={"content-type": "application/json"})
        assert refused(answer) == (413, "body_too_large")


def test_who_asks_too_often_is_told_when_to_come_back(library):
    with served(library, limits=with_limits(requests_per_second=0.05)) as (_, client):
        assert client.get("/v1/indexes").status_code == 200
        answer = client.get("/v1/indexes")
        assert refused(answer) == (429, "rate_limited")
        assert 1 <= int(answer.headers["retry-after"]) <= 20
        assert client.get("/healthz").status_code == 200


def test_the_page_s_own_files_are_no_part_of_a_rate(library):
    with served(library, limits=with_limits(requests_per_second=0.05)) as (_, client):
        assert client.get("/v1/indexes").status_code == 200
        for path in ("/", "/assets/main.js", "/favicon.ico"):
            assert client.get(path).status_code == 200


def test_a_fault_of_ours_tells_nothing_of_it(library, monkeypatch):
    with served(library) as (server, client):

        async def broken(*_):
            raise RuntimeError("secret of /home/someone")

        monkeypatch.setattr(server.engine, "search", broken)
        answer = client.post("/v1/search", json=SEARCH)
        assert refused(answer) == (500, "internal_error")
        assert "secret" not in answer.text


@pytest.mark.parametrize("told, status", [(SEARCH, 200), ({"query": ""}, 422), ({"query": "a", "where": "x >"}, 422)])
def test_a_request_that_was_answered_is_held_by_nothing(client, monkeypatch, told, status):
    """What holds itself waits for the garbage collector, which comes late to a process of many objects."""
    freed = []

    class Visit(guard._Visit):
        def __del__(self):
            freed.append(self.path)

    monkeypatch.setattr(guard, "_Visit", Visit)
    gc.disable()
    try:
        for _ in range(20):
            assert client.post("/v1/search", json=told).status_code == status
        within(lambda: len(freed) >= 19)  # but for the last one, perhaps
    finally:
        gc.enable()

"""The client gives what a retriever gives, and tries again where that may help."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import numpy as np
import pytest

import mrl_search
from mrl_search.document import Document
from mrl_search.errors import ServeError
from mrl_search.serve import Client, Written
from mrl_search.serve.client import _told_to_wait


def test_a_client_finds_what_a_retriever_finds(client, library):
    with mrl_search.open(library) as retriever, Client(str(client.base_url)) as theirs:
        vectors = retriever.encode(["red fox", "white whale"])
        for wanted, found in (
            (retriever.search(["red fox"] * 70, k=3), theirs.search(["red fox"] * 70, k=3)),
            (retriever.search_vectors(vectors, k=3), theirs.search_vectors(vectors, k=3)),
            (retriever.search(["a"], k=3, where="year > 2030"), theirs.search(["a"], k=3, where="year > 2030")),
        ):
            assert [[one.id for one in some] for some in found] == [[one.id for one in some] for some in wanted]
            np.testing.assert_allclose(
                [one.score for some in found for one in some], [one.score for some in wanted for one in some], atol=1e-6
            )
            assert found[0][0].metadata == dict(wanted[0][0].metadata)


def test_a_client_writes_and_deletes(writing):
    with Client(str(writing[1].base_url)) as client:
        documents = (Document(f"n{number}", f"newcomer {number}") for number in range(3))
        assert client.upsert(documents) == Written(3, 0, (), 33)
        assert client.delete(["n1", "nobody"]) == Written(0, 1, ("nobody",), 32)
        assert client.indexes()[0]["documents"] == 32


def test_a_refusal_is_an_error_with_the_server_s_reason(client):
    with Client(str(client.base_url)) as theirs, pytest.raises(ServeError, match="refused with 422: .* at 6, wanted"):
        theirs.search(["a"], where="year >")


def test_a_list_of_texts_is_wanted_not_a_text(client):
    with Client(str(client.base_url)) as theirs, pytest.raises(TypeError, match="put it in a list"):
        theirs.delete("d1")


@pytest.fixture
def moody():
    """A server that answers with the next status of a list, then always 200; and the list."""
    statuses = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status = statuses.pop(0) if statuses else 200
            body = b'{"indexes": []}' if status == 200 else b'{"error": {"message": "not now"}}'
            if status < 0:  # of a proxy
                status, body = -status, b"Internal Server Error"
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", statuses
        server.shutdown()
        thread.join()


def test_a_busy_server_is_asked_again(moody):
    url, statuses = moody
    statuses += [429, 503, 504]
    with Client(url) as client:
        assert client.indexes() == []
    assert statuses == []


def test_a_proxy_that_lost_its_server_is_asked_again_and_a_server_that_failed_is_not(moody):
    url, statuses = moody
    statuses += [-500, 500, 500]
    with Client(url) as client, pytest.raises(ServeError, match="refused with 500: not now"):
        client.indexes()
    assert statuses == [500]


def test_a_refusal_for_good_is_not_asked_again(moody):
    url, statuses = moody
    statuses += [403, 403]
    with Client(url) as client, pytest.raises(ServeError, match="refused with 403: not now"):
        client.indexes()
    assert statuses == [403]


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "3600"}, 30.0),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after": "Fri, 27 Nov 2026 09:00:00 GMT"}, 7.0),
        ({}, 7.0),
    ],
)
def test_a_client_waits_as_long_as_it_is_told_and_no_longer_than_half_a_minute(headers, seconds):
    assert _told_to_wait(httpx2.Response(503, headers=headers), 7.0) == seconds


def test_an_answer_of_another_server_is_an_error(moody):
    url, statuses = moody
    statuses += [-200]
    with Client(url) as client, pytest.raises(ServeError, match="what is not JSON; is there another server at http"):
        client.indexes()


def test_the_last_try_says_what_was_wrong(moody):
    url, statuses = moody
    statuses += [503] * 9
    with Client(url, retries=2) as client, pytest.raises(ServeError, match="refused with 503: not now"):
        client.indexes()
    assert len(statuses) == 6


def test_a_server_that_is_not_there_is_an_error():
    with Client("http://127.0.0.1:9", retries=0) as client, pytest.raises(ServeError, match="does not answer"):
        client.indexes()

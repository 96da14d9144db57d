"""A request that offers another protocol, as curl's and Java's clients do, is answered as if it did not."""

import pytest
from serving import connection
from test_protocol import SEARCH, answers, request

OFFER = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAAQBAAAAAAIAAAAA")
CHUNKED = (
    b"POST /v1/search HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\n%b\r\n"
    b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
)


def offered(host, body=SEARCH):
    return request(host, body, *OFFER)


def test_the_body_of_a_request_that_offers_another_protocol_is_read(client):
    with connection(client) as asks:
        asks.sendall(offered(client.base_url.host))
        ((status, told),) = answers(asks)
        assert (status, len(told["results"][0]["answers"])) == (200, 1)


def test_it_may_come_in_chunks(client):
    with connection(client) as asks:
        asks.sendall(CHUNKED % (client.base_url.host.encode(), b"\r\n".join(OFFER), len(SEARCH), SEARCH))
        assert answers(asks)[0][0] == 200


@pytest.mark.parametrize("cut", [1, 30, -len(SEARCH) - 2, -len(SEARCH), -3])
def test_it_may_come_in_parts_and_the_connection_goes_on(client, cut):
    asked = offered(client.base_url.host)
    with connection(client) as asks:
        for part in (asked[:cut], asked[cut:], asked + request(client.base_url.host)):
            asks.sendall(part)
        assert [status for status, _ in answers(asks, 3)] == [200, 200, 200]


def test_a_body_is_never_taken_for_a_request(client):
    """It was, of whoever offered another protocol: what a proxy lets through as a body went past its rules."""
    hidden = b"GET /healthz HTTP/1.1\r\nhost: " + client.base_url.host.encode() + b"\r\n\r\n"
    asked = offered(client.base_url.host, hidden)
    with connection(client) as asks:
        asks.sendall(asked[: -len(hidden)])
        asks.sendall(hidden)
        asks.sendall(request(client.base_url.host))
        assert [status for status, _ in answers(asks, 2)] == [400, 200]


def test_nobody_is_connected_to_elsewhere(client):
    with connection(client) as asks:
        asks.sendall(b"CONNECT /healthz HTTP/1.1\r\nhost: %b\r\n\r\n" % client.base_url.host.encode())
        assert asks.recv(65_536).startswith(b"HTTP/1.1 400")
        assert asks.recv(1) == b""

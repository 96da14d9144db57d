"""Which requests are refused before they are parsed, and that they are those whose length is known without."""

import itertools

import httptools
import pytest

from mrl_search.serve.protocol import PLAIN

NAMES = [
    "host",
    "x-more",
    "Content-Length",
    "content-length ",
    "transfer-encoding",
    "expect",
    "connection",
    "",
    "a\x01",
]
VALUES = ["", "7", " 7", "7 ", "+7", "7, 7", 30 * "1", "chunked", "100-continue", "keep-alive", "close", "a\rb", "a\nb"]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("method", ["POST", "post", "GET", "\r\nPOST"])
def test_what_is_refused_unread_is_a_request_of_the_length_that_the_parser_finds(method, end):
    found = 0
    for line in map("".join, itertools.product(NAMES, [":", ": ", " : "], VALUES)):
        for lines in ([line, "Content-Length: 7"], ["Content-Length:7", line]):
            head = end.join([f"{method} /v1/search HTTP/1.1", *lines, "", ""]).encode()
            plain = PLAIN.match(head)
            if plain is not None:
                read = Read()
                httptools.HttpRequestParser(read).feed_data(head + b"1234567" + b"GET / HTTP/1.1\r\n\r\n")
                assert (plain[1], plain[2], plain.end()) == (b"/v1/search", b"7", len(head))
                assert (read.bodies, read.urls) == (b"1234567", [b"/v1/search", b"/"])
                found += 1
    # host and x-more with each value but those with line ends in them, and connection: keep-alive; twice
    assert found == (2 * (2 * 2 * 11 + 2) if (method, end) == ("POST", "\r\n") else 0)


class Read:
    """What a parser finds."""

    def __init__(self):
        self.bodies, self.urls = b"", []

    def on_url(self, url):
        self.urls.append(url)

    def on_body(self, body):
        self.bodies += body


@pytest.mark.parametrize(
    "header",
    ["origin: null", "Connection: close", "expect: 100-continue", "content-length: 7", "transfer-encoding: chunked"],
)
def test_what_is_not_plain_goes_the_ordinary_way(header):
    head = b"POST /v1/search HTTP/1.1\r\ncontent-length: 7\r\n%b\r\n\r\n"
    assert PLAIN.match(head % b"connection: keep-alive")
    assert not PLAIN.match(head % header.encode())
    assert not PLAIN.match(head.replace(b"/search", b"/documents") % b"a: b")

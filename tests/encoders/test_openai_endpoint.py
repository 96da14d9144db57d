"""The openai: encoder against a real HTTP server on 127.0.0.1; the client is the real one."""

import hashlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from mrl_search.encoders.encoder import EncoderSpec
from mrl_search.encoders.openai_endpoint import OpenAIEncoder, load_openai, rate_limit_wait_s
from mrl_search.errors import EncoderError, MissingPackageError

pytest.importorskip("openai", reason="the openai package is not installed; run: pip install 'mrl-search[openai]'")

KEY = "sk-secret-123"
WIDTH = 8
SOON = {"retry-after-ms": "1"}


def raw_vector(text: str) -> list[float]:
    """What the server answers for a text: the first 8 bytes of its sha256, less 100, not of unit length."""
    return [byte - 100.0 for byte in hashlib.sha256(text.encode()).digest()[:WIDTH]]


def unit_vector(text: str, dim: int = WIDTH) -> np.ndarray:
    vector = np.array(raw_vector(text)[:dim])
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class EmbeddingsServer(ThreadingHTTPServer):
    """POST /v1/embeddings for the model `small`; its attributes say how it misbehaves and what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.failures: list[tuple[int, str, dict[str, str]]] = []  # (status, message, headers), one a request
        self.headers: dict[str, str] = {}
        self.honours_dimensions = True
        self.edit = lambda data: data  # the last word on the list of embeddings
        self.body: bytes | None = None  # in place of any answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def sent(self) -> list[list[str]]:
        return [request["input"] for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: EmbeddingsServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append(request)
        self.server.authorizations.append(self.headers["authorization"])
        if self.server.failures:
            status, message, headers = self.server.failures.pop(0)
            self.reply(status, {"error": {"message": message}}, headers)
        elif self.path != "/v1/embeddings" or request["model"] != "small":
            self.reply(404, {"error": {"message": "no such thing"}}, {})
        else:
            self.reply(200, {"object": "list", "data": self.server.edit(self.embeddings(request))}, self.server.headers)

    def embeddings(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        width = request.get("dimensions", WIDTH) if self.server.honours_dimensions else WIDTH
        return [{"index": i, "embedding": raw_vector(text)[:width]} for i, text in enumerate(request["input"])]

    def reply(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        content = self.server.body or json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("OPENAI_BASE_URL", "OPENAI_ADMIN_KEY", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    with EmbeddingsServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds slept, by the encoder and by the client, without sleeping them."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def encoder_at(server: EmbeddingsServer, **spec: Any) -> OpenAIEncoder:
    return load_openai(EncoderSpec(f"openai:small@{server.url}", **spec))


def message_of(server: EmbeddingsServer, **spec: Any) -> str:
    """The one-line error of encoding one text."""
    with pytest.raises(EncoderError) as caught:
        encoder_at(server, **spec).encode_documents(["a"])
    message = str(caught.value)
    assert "\n" not in message and KEY not in message
    return message


def test_rows_are_unit_vectors_in_input_order(server):
    found = encoder_at(server).encode_documents(["a", "b"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [unit_vector("a"), unit_vector("b")], atol=1e-6)  # float32 rounding


def test_order_is_by_index_and_not_by_place_in_the_answer(server):
    server.edit = lambda data: data[::-1]
    found = encoder_at(server).encode_documents(["a", "b", "c"])
    np.testing.assert_allclose(found, [unit_vector(text) for text in "abc"], atol=1e-6)


def test_floats_are_asked_for(server):
    encoder_at(server, dim=4).encode_documents(["a"])
    assert server.requests == [{"input": ["a"], "model": "small", "encoding_format": "float", "dimensions": 4}]


def test_a_width_asked_for_is_the_width_without_asking_the_server(server):
    encoder = encoder_at(server, dim=4)
    assert encoder.dim == 4
    assert server.requests == []
    np.testing.assert_allclose(encoder.encode_queries(["a"]), [unit_vector("a", 4)], atol=1e-6)


def test_the_width_is_learned_from_one_text_once(server):
    encoder = encoder_at(server)
    assert server.requests == []
    assert (encoder.dim, encoder.dim) == (8, 8)
    assert [len(texts) for texts in server.sent()] == [1]
    assert "dimensions" not in server.requests[0]


def test_no_texts_give_no_rows_and_no_request(server):
    assert encoder_at(server, dim=4).encode_documents([]).shape == (0, 4)
    assert server.requests == []


def test_each_side_gets_its_prompt(server):
    encoder = encoder_at(server, dim=4, query_prompt="query: ", document_prompt="passage: ")
    encoder.encode_queries(["a"])
    encoder.encode_documents(["a"])
    assert server.sent() == [["query: a"], ["passage: a"]]


def test_an_empty_text_is_sent_as_one_space(server):
    encoder_at(server, dim=4).encode_documents(["", "a"])
    assert server.sent() == [[" ", "a"]]


def test_a_request_holds_at_most_128_texts(server):
    texts = [str(i) for i in range(257)]
    found = encoder_at(server, dim=4).encode_documents(texts)
    assert [len(batch) for batch in server.sent()] == [128, 128, 1]
    np.testing.assert_allclose(found, [unit_vector(text, 4) for text in texts], atol=1e-6)


def test_a_request_holds_at_most_200_000_characters_and_a_longer_text_goes_alone(server):
    lengths = [120_000, 80_000, 1, 300_000, 5, 6]  # 120,000 + 80,000 is just full
    encoder_at(server, dim=4).encode_documents(["x" * length for length in lengths])
    assert [[len(text) for text in batch] for batch in server.sent()] == [[120_000, 80_000], [1], [300_000], [5, 6]]


def test_identity_tells_apart_all_that_decides_the_vectors(server):
    specs = [{}, {"dim": 4}, {"query_prompt": "q"}, {"document_prompt": "q"}]
    identities = {encoder_at(server, **spec).identity for spec in specs}
    identities.add(load_openai(EncoderSpec(f"openai:large@{server.url}")).identity)
    identities.add(load_openai(EncoderSpec("openai:small")).identity)
    assert len(identities) == 6
    assert not any(KEY in identity for identity in identities)


def test_identity_is_the_same_for_no_prompt_and_an_empty_one(server):
    assert encoder_at(server).identity == encoder_at(server, query_prompt="").identity


def test_the_url_may_come_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    encoder = load_openai(EncoderSpec("openai:small"))
    assert encoder.identity == encoder_at(server).identity
    assert encoder.dim == 8


@pytest.mark.parametrize("model", ["small", "@cf/baai/bge-m3", "embedding@001", "nomic-embed-text:v1.5"])
def test_a_model_may_hold_an_at_sign_or_a_colon(server, model):
    identity = load_openai(EncoderSpec(f"openai:{model}@{server.url}")).identity
    assert identity.startswith(f"openai:{model} url={server.url}/ ")


@pytest.mark.parametrize("name", ["openai:", "openai:@http://h/v1", "openai:small@localhost:8000/v1", "minilm-768"])
def test_a_name_without_model_or_http_is_refused(name):
    with pytest.raises(EncoderError, match="wanted openai:MODEL@http"):
        load_openai(EncoderSpec(name))


@pytest.mark.parametrize("url", ["http://me:hush@h/v1", "http://h/v1?key=hush", "http://h:hush/v1", "http://h..x/v1"])
def test_a_url_with_a_password_or_a_bad_host_or_port_is_refused_without_showing_it(url):
    with pytest.raises(EncoderError, match="not http://HOST:PORT/PATH") as caught:
        load_openai(EncoderSpec(f"openai:small@{url}"))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("setting", [{"layer_norm": True}, {"precision": "bfloat16"}])
def test_a_setting_that_only_a_local_model_has_is_refused(server, setting):
    with pytest.raises(EncoderError, match="only the server of 'small' sets; leave both out"):
        encoder_at(server, **setting)


def test_the_key_is_sent(server):
    assert encoder_at(server).dim == 8
    assert server.authorizations == [f"Bearer {KEY}"]


def test_a_server_named_by_its_url_needs_no_key(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert encoder_at(server).dim == 8
    assert server.authorizations == ["Bearer no-key-was-set"]


def test_the_default_url_needs_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(EncoderError, match="OPENAI_API_KEY is not set; export it"):
        load_openai(EncoderSpec("openai:small"))


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY} {KEY}", "sk-é"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(server, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(EncoderError, match="OPENAI_API_KEY holds a blank") as caught:
        encoder_at(server)
    assert "sk-" not in str(caught.value)


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mrl-search\[openai\]'"):
        load_openai(EncoderSpec("openai:small"))


def test_a_429_is_retried_after_as_long_as_the_server_says(server, sleeps):
    server.failures = [(429, "slow down", {"retry-after": "7"})]
    encoder = encoder_at(server, dim=4)
    np.testing.assert_allclose(encoder.encode_documents(["a"]), [unit_vector("a", 4)], atol=1e-6)
    assert [slept for slept in sleeps if slept] == [7.0]


def test_a_500_is_retried(server):
    server.failures = [(500, "oops", SOON), (503, "loading", SOON)]
    assert encoder_at(server).dim == 8
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_never_recovers_is_told_in_one_line(server, status):
    server.failures = [(status, "still\nbusy", SOON)] * 7
    assert message_of(server).startswith(f"{server.url}/ still answered {status} (still busy) at try 7;")
    assert len(server.requests) == 7


def test_a_retry_after_beyond_two_minutes_is_not_waited_for(server, sleeps):
    server.failures = [(429, "come back tomorrow", {"retry-after": "86400"})] * 7
    # what older clients do instead, back off and try seven times, ends in the same words
    assert "still answered 429 (come back tomorrow) at try" in message_of(server)
    assert max(sleeps) <= 8.0


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named_and_not_shown(server, status):
    server.failures = [(status, f"bad key {KEY}", {})]
    assert f"answered {status}; set OPENAI_API_KEY to a key that may use 'small'" in message_of(server)


def test_an_unknown_model_is_named(server):
    with pytest.raises(EncoderError, match=r"404 \(no such thing\); correct the model 'large' or the URL"):
        load_openai(EncoderSpec(f"openai:large@{server.url}")).encode_documents(["a"])


def test_a_bad_request_is_told_in_the_servers_words_less_the_key(server):
    server.failures = [(400, f"too long\nfor {KEY}", {})]
    assert "refused 'small' with 400 (too long for OPENAI_API_KEY); correct that" in message_of(server)
    assert len(server.requests) == 1


def test_an_error_leaves_no_trace_of_the_clients_own(server):
    server.failures = [(400, f"too long for {KEY}", {})]
    with pytest.raises(EncoderError) as caught:
        encoder_at(server).encode_documents(["a"])
    assert caught.value.__suppress_context__ and caught.value.__cause__ is None


def test_a_url_where_nobody_listens_is_named(sleeps):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    with pytest.raises(EncoderError, match=rf"no answer from {url}/ after 7 tries \(.*refused"):
        load_openai(EncoderSpec(f"openai:small@{url}")).encode_documents(["a"])
    assert sum(sleeps) <= 23.5  # 0.5 + 1 + 2 + 4 + 8 + 8


def test_a_server_that_ignores_dimensions_is_caught(server):
    server.honours_dimensions = False
    assert f"{server.url}/ ignored `dimensions`: found 8 dims, wanted 4;" in message_of(server, dim=4)


def test_a_server_that_changes_its_width_is_caught(server):
    encoder = encoder_at(server)
    assert encoder.dim == 8
    server.edit = lambda data: [{**item, "embedding": [1.0, 2.0]} for item in data]
    with pytest.raises(EncoderError, match="found 2 dims, wanted 8"):
        encoder.encode_documents(["a"])


def test_a_wrong_number_of_vectors_is_caught(server):
    server.edit = lambda data: data[:-1]
    with pytest.raises(EncoderError, match="returned 1 vectors, wanted one for each of 2 texts"):
        encoder_at(server, dim=8).encode_documents(["a", "b"])


def test_an_index_given_twice_is_caught(server):
    server.edit = lambda data: [{**item, "index": 0} for item in data]
    with pytest.raises(EncoderError, match="returned 2 vectors, wanted one for each of 2 texts"):
        encoder_at(server, dim=8).encode_documents(["a", "b"])


def test_rows_of_unequal_width_are_caught(server):
    server.edit = lambda data: [{**item, "embedding": [1.0] * (item["index"] + 1)} for item in data]
    with pytest.raises(EncoderError, match="returned no vectors of one width"):
        encoder_at(server, dim=8).encode_documents(["a", "b"])


@pytest.mark.parametrize("vector", [[1.0, float("nan")], [1.0, None], [1.0, 1e39], [], [[1.0, 2.0]]])
def test_a_vector_that_is_not_finite_numbers_is_caught(server, vector):
    server.edit = lambda data: [{**item, "embedding": vector} for item in data]
    assert "returned vectors empty, nested or not finite" in message_of(server)


@pytest.mark.parametrize("body", [b"<html>welcome</html>", b'{"data": "AAAA"}', b"[]", b'{"models": []}'])
def test_an_answer_that_is_not_embeddings_is_caught(server, body):
    server.body = body
    assert "returned no vectors of one width; correct the URL" in message_of(server)


def test_a_row_of_zeros_stays_zeros(server):
    server.edit = lambda data: [{**item, "embedding": [0.0] * 4} for item in data]
    assert encoder_at(server, dim=4).encode_documents(["a"]).tolist() == [[0.0] * 4]


def test_a_text_that_is_no_valid_unicode_is_caught(server):
    with pytest.raises(EncoderError, match="surrogates not allowed"):
        encoder_at(server, dim=4).encode_documents(["\ud800"])


def test_a_spent_rate_limit_is_waited_out_before_the_next_request(server, sleeps):
    server.headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "40s"}
    encoder = encoder_at(server, dim=4)
    encoder.encode_documents(["a"])
    assert max(sleeps) == 0.0
    encoder.encode_documents(["b"])
    assert max(sleeps) == pytest.approx(40, abs=5)  # less the time between the two calls


@pytest.mark.parametrize(
    ("reset", "wait_s"),
    [
        ("1s", 1),
        ("1m30s", 90),
        ("250ms", 0.25),
        ("8.64s", 8.64),
        ("2", 2),
        ("6m0s", 120),
        ("1h", 120),
        ("soon", 0),
        ("1" * 60 + "x", 0),  # at once: no regular expression that tries every way to split the digits
        ("", 0),
    ],
)
def test_a_reset_is_read_as_a_duration_of_at_most_two_minutes(reset, wait_s):
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": reset}
    assert rate_limit_wait_s(headers) == pytest.approx(wait_s)


def test_the_longer_of_two_resets_counts_and_only_of_limits_that_are_spent():
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}
    tokens = {"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "9s"}
    assert rate_limit_wait_s({}) == 0
    assert rate_limit_wait_s(headers | tokens) == 1
    assert rate_limit_wait_s(headers | tokens | {"x-ratelimit-remaining-tokens": "0"}) == 9


def test_an_index_is_built_and_searched_through_the_endpoint(server, tmp_path):
    from mrl_search.builder import build
    from mrl_search.retriever import open_retriever

    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"_id": text, "text": text}) + "\n" for text in ("fox", "law", "whale")))
    folder = build(str(corpus), tmp_path / "i", dims=(2, 6), encoder=f"openai:small@{server.url}")
    with open_retriever(folder) as retriever:
        assert retriever.search(["law"], k=1)[0][0].id == "law"
    # the stored width is asked of the server; the probe (for the cache, afresh, and at the first query), the texts, the query
    assert [request["dimensions"] for request in server.requests] == [6] * len(server.requests)
    assert [len(texts) for texts in server.sent()] == [1, 1, 3, 1, 1]

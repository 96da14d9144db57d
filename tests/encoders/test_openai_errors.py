"""What the openai: encoder makes of a server that errs, is busy, or answers nonsense."""

import socket
from typing import Any

import numpy as np
import pytest
from embeddings_server import KEY, EmbeddingsServer, encoder_at, unit_vector

from mrl_search.encoders.encoder import EncoderSpec
from mrl_search.encoders.openai_endpoint import load_openai, rate_limit_wait_s
from mrl_search.errors import EncoderError

pytest.importorskip("openai", reason="the openai package is not installed; run: pip install 'mrl-search[openai]'")

SOON = {"retry-after-ms": "1"}

pytestmark = pytest.mark.usefixtures("openai_environment")


def message_of(server: EmbeddingsServer, **spec: Any) -> str:
    """The one-line error of encoding one text."""
    with pytest.raises(EncoderError) as caught:
        encoder_at(server, **spec).encode_documents(["a"])
    message = str(caught.value)
    assert "\n" not in message and KEY not in message
    return message


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

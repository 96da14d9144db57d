"""Whatever is sent, the server answers with what it documents: schemathesis by the description, and bodies gone wrong."""

import http.client
import json
import random

import pytest
from hypothesis import HealthCheck, given, settings

DOCUMENTED = {400, 401, 403, 404, 405, 408, 413, 415, 422, 429}
SEEDS = [
    ("POST", "/v1/search", {"query": "red fox", "k": 3, "funnel": "16:20,64:3", "where": "year >= 2020", "explain": True}),
    ("POST", "/v1/search", {"vectors": [[0.5] * 64, [1e-3] * 64], "guarantee": "exact", "texts": False}),
    ("POST", "/v1/search", {"queries": ["a", "b"], "guarantee": 0.9, "index": "animals"}),
    ("POST", "/v1/embeddings", {"model": "hashing:64", "input": ["a", "b"], "dimensions": 8, "encoding_format": "base64"}),
    ("POST", "/v1/documents", {"documents": [{"id": "a", "title": "b", "text": "c", "metadata": {"d": [1, {"e": None}]}}]}),
    ("DELETE", "/v1/documents", {"ids": ["a", "b"], "where": "id = 'x' AND NOT (year IN (1, 2.5))"}),
]  # fmt: skip
STRANGE = [None, True, -1, 0, 1e308, 2**63, 10**400, "", "\u0000", "\ud800", "é" * 50, [], {}, [[]], {"": {}}, "64:1,"]
TEARS = [
    b"\x00",
    b"\xff",
    b"{",
    b"]",
    b"\\u",
    b'"',
    b"NaN",
    b"1e999",
    b"-",
    b"[" * 2_000,
    b'{"a":' * 500,
    b"\xed\xa0\x80",
]


def test_no_request_that_the_description_allows_ends_in_a_fault(writing):
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    _, client = writing
    schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    operations = [one.ok() for one in schema.get_all_operations()]
    assert len(operations) == 11
    for operation in operations:
        says_something = operation.method.upper() != "GET" or "{" in operation.path

        @settings(
            max_examples=8 if says_something else 2,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def is_as_described(case):
            case.call_and_validate(checks=checks)

        is_as_described()


def wrong(body, chance):
    """The body's bytes after one or two of the ways in which bodies go wrong."""
    for _ in range(chance.choice([1, 1, 2])):
        if isinstance(body, dict) and chance.random() < 0.5:
            body = json.loads(json.dumps(body))
            holder, key = chance.choice(list(places(body)))
            holder[key] = chance.choice(STRANGE)
            continue
        text = json.dumps(body).encode() if isinstance(body, dict) else body
        start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        body = text[:start] + chance.choice([b"", chance.randbytes(3), *TEARS]) + text[chance.choice([start, end]) :]
    return json.dumps(body).encode() if isinstance(body, dict) else body


def places(value):
    """Every (container, key) in it."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def answer_to_wrong_bodies(client, count, seed):
    chance = random.Random(seed)
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=60)
    for number in range(count):
        method, path, body = chance.choice(SEEDS)
        sent = wrong(body, chance)
        connection.request(method, path, sent, {"content-type": "application/json"})
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != 200:
            assert answer.status in DOCUMENTED, (number, method, path, sent[:2_000], told)
            assert set(json.loads(told)["error"]) == {"message", "type", "code"}
    connection.close()


def test_bodies_gone_wrong_get_a_documented_answer(reading):
    answer_to_wrong_bodies(reading[1], 600, seed=1)


def test_a_server_that_writes_gives_bodies_gone_wrong_a_documented_answer_too(writing):
    answer_to_wrong_bodies(writing[1], 200, seed=3)


@pytest.mark.slow
def test_so_does_one_that_is_sent_thousands(writing):
    answer_to_wrong_bodies(writing[1], 5_000, seed=4)


@pytest.mark.slow
def test_fifty_thousand_bodies_gone_wrong_get_a_documented_answer(reading):
    answer_to_wrong_bodies(reading[1], 50_000, seed=2)

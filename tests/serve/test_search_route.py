"""POST /v1/search answers what a retriever answers, or says why not."""

import base64
import sqlite3

import numpy as np
import pytest

import mrl_search


def asked(client, **told):
    return client.post("/v1/search", json=told)


def ids(answer):
    return [[one["id"] for one in result["answers"]] for result in answer.json()["results"]]


def test_a_text_finds_what_a_retriever_finds(client, library):
    with mrl_search.open(library) as retriever:
        wanted = retriever.search(["red fox"], k=5)[0]
    answer = asked(client, query="red fox", k=5)
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    assert result["query"] == "red fox"
    assert [(one["rank"], one["id"], one["title"], one["text"]) for one in result["answers"]] == [
        (rank, one.id, one.title, one.text) for rank, one in enumerate(wanted, 1)
    ]
    assert [one["score"] for one in result["answers"]] == pytest.approx([one.score for one in wanted], abs=1e-6)
    assert result["answers"][0]["metadata"] == dict(wanted[0].metadata)


def test_several_queries_are_answered_in_their_order(client, library):
    texts = ["white whale", "red fox", "white whale"]
    with mrl_search.open(library) as retriever:
        wanted = [[one.id for one in found] for found in retriever.search(texts, k=3)]
    assert ids(asked(client, queries=texts, k=3)) == wanted


def test_vectors_are_searched_as_numbers_and_as_base64(client, library):
    with mrl_search.open(library) as retriever:
        vector = retriever.encode(["brown bear"])[0]
    coded = base64.b64encode(vector.astype("<f4").tobytes()).decode()
    by_text = ids(asked(client, query="brown bear", k=4))
    assert ids(asked(client, vectors=[vector.tolist()], k=4)) == by_text
    assert ids(asked(client, vectors=[coded], k=4)) == by_text


def test_a_filter_leaves_only_what_passes(client):
    found = asked(client, query="red fox", k=10, where="year >= 2030 AND title != 'title 32'").json()
    years = [one["metadata"]["year"] for one in found["results"][0]["answers"]]
    assert sorted(years) == [2030, 2031, *range(2033, 2040)]


def test_a_funnel_is_walked_as_it_is_given(client):
    answer = asked(client, query="red fox", funnel="16:20,64:2").json()
    assert answer["funnel"] == "16:20,64:2"
    assert len(answer["results"][0]["answers"]) == 2


def test_explaining_tells_what_each_stage_kept_and_where_the_answers_stood(client):
    answer = asked(client, query="red fox", funnel="16:20,64:3", explain=True).json()
    (result,) = answer["results"]
    assert [(stage["stage"], stage["kept"]) for stage in result["stages"]] == [("16:20", 20), ("64:3", 3)]
    last = result["stages"][-1]["ranks"]
    assert [(one["rank"], one["id"]) for one in last] == [(one["rank"], one["id"]) for one in result["answers"]]
    first = {one["id"] for one in result["stages"][0]["ranks"]}
    assert {one["id"] for one in result["answers"]} <= first
    assert isinstance(result["certified"], bool)


def test_an_exact_guarantee_is_certified(client):
    (result,) = asked(client, query="red fox", k=3, guarantee="exact").json()["results"]
    assert result["certified"] is True


@pytest.mark.parametrize("hybrid", ["rrf", 0.2])
def test_words_join_in_where_they_are_asked_to(client, library, hybrid):
    with mrl_search.open(library) as retriever:
        wanted = [[one.id for one in found] for found in retriever.search(["red fox", "8"], k=5, hybrid=hybrid)]
    assert ids(asked(client, queries=["red fox", "8"], k=5, hybrid=hybrid)) == wanted
    (result,) = asked(client, query="red fox", k=5, hybrid=hybrid, explain=True).json()["results"]
    assert [one["id"] for one in result["answers"]] == wanted[0]
    assert "words" in [stage["stage"] for stage in result["stages"]]
    assert "certified" not in result


def test_texts_may_be_left_out(client):
    (result,) = asked(client, query="red fox", k=1, texts=False).json()["results"]
    assert set(result["answers"][0]) == {"rank", "id", "score", "title"}


@pytest.mark.parametrize(
    "told, status, code, message",
    [
        ({"query": "  "}, 422, "text_empty", "a query is empty"),
        ({"query": "x" * 40_000}, 422, "text_too_long", "40,000 characters; at most 32,768"),
        ({"query": "a", "k": 1_001}, 422, "k_too_large", "asked for 1,001 answers; at most 1,000"),
        ({"query": "a", "funnel": "16:20000,64:3"}, 422, "funnel_too_wide", "keeps 20,000; at most 10,000"),
        ({"queries": ["a"] * 129}, 422, "too_many_queries", "129 queries in one request; at most 128"),
        ({"query": "a", "funnel": "12:20"}, 422, "funnel_error", "the funnel starts at 12 dims"),
        ({"query": "a", "funnel": "nonsense"}, 422, "funnel_error", "cannot read the stage"),
        ({"query": "a", "where": "year >"}, 422, "filter_error", "found the end at 6"),
        ({"query": "a", "guarantee": 0.9}, 422, "guarantee_error", "was not calibrated"),
        ({"query": "a", "index": "other"}, 404, "index_not_found", "there are: animals"),
        ({"query": "a", "kk": 3}, 422, "request_invalid", "there is no field 'kk'"),
        ({"query": "a", "queries": ["b"]}, 422, "request_invalid", "give one of query, queries and vectors"),
        ({}, 422, "request_invalid", "give one of query, queries and vectors"),
        ({"vectors": [[1.0, 2.0]]}, 422, "funnel_error", "2 dims"),
        ({"vectors": [[1.0, 2.0], [1.0]]}, 422, "vectors_error", "1, 2 dims; send one width"),
        ({"vectors": [[1e300] * 64]}, 422, "vectors_error", "too large for float32"),
        ({"vectors": [[1.0]], "hybrid": 0.2}, 422, "request_invalid", "hybrid needs texts, not vectors"),
        ({"query": "a", "hybrid": 2}, 422, "fusion_error", "2"),
        ({"query": "a", "hybrid": "rrf", "guarantee": "exact"}, 422, "guarantee_error", "none can be given"),
        ({"vectors": ["?"]}, 422, "vectors_error", "no base64"),
        ({"vectors": [[]]}, 422, "vectors_error", "0 dims"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(client, told, status, code, message):
    answer = asked(client, **told)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body, status",
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"query": "\\ud800"}', 400),
        (b'{"vectors": [[NaN]]}', 422),
        (b'{"query": ' + b"9" * 5_000 + b"}", 400),
        (b"", 400),
        (b"null", 422),
    ],
)
def test_a_body_that_is_not_what_it_should_be_is_refused(client, body, status):
    answer = client.post("/v1/search", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "code"}


def test_the_answers_of_concurrent_requests_are_each_their_own(reading, library):
    from concurrent.futures import ThreadPoolExecutor

    _, client = reading
    texts = [f"number {number}" for number in range(40)]
    with mrl_search.open(library) as retriever:
        wanted = [[one.id for one in found] for found in retriever.search(texts, k=3)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: ids(asked(client, query=text, k=3))[0], texts))
    assert found == wanted


def test_a_vector_of_another_request_in_the_batch_does_no_harm(reading):
    from concurrent.futures import ThreadPoolExecutor

    _, client = reading
    good = np.ones(64).tolist()
    bodies = [{"vectors": [good if number % 2 else [1.0, 2.0]]} for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda body: asked(client, **body).status_code, bodies))
    assert statuses == [200 if number % 2 else 422 for number in range(20)]


def test_an_index_without_words_says_so_when_they_are_asked_to_join_in(built):
    from serving import served

    with sqlite3.connect(built / "index.sqlite") as catalog:  # as an older version left it
        catalog.execute("DROP TABLE lengths")
        catalog.execute("DROP TABLE postings")
    catalog.close()
    with served(built) as (_, client):
        answer = asked(client, query="a", hybrid=0.2)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "no_words")
        assert asked(client, query="a").status_code == 200


def test_an_index_with_bounds_proves_with_them(built):
    from serving import served

    from mrl_search.indexes import add_bounds

    add_bounds(built)
    with served(built) as (_, client):
        (result,) = asked(client, query="number 3", k=3, guarantee="exact").json()["results"]
        assert result["certified"] is True

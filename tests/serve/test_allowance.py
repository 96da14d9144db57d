"""One request is answered so much, however long documents are; more is refused, and the client asks in parts."""

import numpy as np
import pytest
from serving import served, with_limits

import mrl_search
from mrl_search.errors import ServeError
from mrl_search.retriever import Answer
from mrl_search.serve import Client
from mrl_search.serve.allowance import Allowance
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.refusals import RefusalError
from mrl_search.serve.searching import Search, Searcher
from mrl_search.vectors import unit


@pytest.fixture(scope="module")
def narrow(library):
    """A server that answers 60 documents and 1,200 characters at most."""
    with served(library, read_only=True, limits=with_limits(answers=60, answer_characters=1_200)) as (_, client):
        yield client


@pytest.fixture(scope="module")
def retriever(library):
    with mrl_search.open(library) as opened:
        yield opened


def refusal(client, **told):
    answer = client.post("/v1/search", json=told)
    return answer.status_code, answer.json().get("error", {}).get("code")


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"queries": ["fox"] * 6, "k": 10, "texts": False}, (200, None)),
        ({"queries": ["fox"] * 6, "k": 11}, (422, "too_many_answers")),
        ({"query": "fox", "k": 100, "texts": False}, (200, None)),  # there are but forty
        ({"queries": ["fox"] * 2, "k": 100}, (422, "too_many_answers")),
        ({"queries": ["fox"] * 3, "funnel": "16:21,64:3", "texts": False}, (200, None)),
        ({"queries": ["fox"] * 3, "funnel": "16:21,64:3", "explain": True}, (422, "too_many_answers")),
        ({"query": "fox", "k": 40}, (422, "answer_too_long")),
        ({"query": "fox", "k": 40, "hybrid": "rrf"}, (422, "answer_too_long")),
        ({"query": "fox", "k": 40, "explain": True}, (422, "answer_too_long")),
        ({"query": "fox", "k": 40, "texts": False}, (200, None)),
    ],
)
def test_more_is_refused(narrow, told, wanted):
    assert refusal(narrow, **told) == wanted


def test_the_refusal_says_what_to_do(narrow):
    told = narrow.post("/v1/search", json={"query": "fox", "k": 40}).json()["error"]["message"]
    assert told == (
        "the documents found have more than 1,200 characters; ask for fewer queries at once, for a smaller k, or with "
        "texts: false"
    )
    told = narrow.post("/v1/search", json={"queries": ["fox"] * 6, "k": 11}).json()["error"]["message"]
    assert told.startswith("6 queries, 11 documents to tell of for each: at most 60 in all")


@pytest.mark.parametrize(
    ("queries", "k", "explain", "weight"),
    [(2, 3, False, 2), (2, 40, False, 8), (2, 3, True, 8), (30, 40, False, 120), (70, 40, False, 256)],
)
def test_who_asks_for_much_weighs_as_much_in_the_queue_but_no_more_than_that_holds(
    library, monkeypatch, queries, k, explain, weight
):
    monkeypatch.setattr("mrl_search.serve.engine._TOLD_A_QUERY", 10)
    with served(library, read_only=True) as (server, client):
        weights = []
        monkeypatch.setattr(server.engine.metrics, "batch", lambda name, weight, waited: weights.append((name, weight)))
        told = {"queries": ["fox"] * queries, "k": k, "explain": explain, "funnel": f"16:40,64:{k}"}
        assert client.post("/v1/search", json=told).status_code == 200
    assert [one for name, one in weights if name == "search"] == [weight]


def test_titles_texts_and_metadata_count():
    answers = [Answer(1.0, "a", "four", "seven77", {}), Answer(0.5, "b", "", "x", {"y": 1})]
    assert Allowance(len("four") + len("seven77") + len("x") + len("{'y': 1}")).take(answers) == answers
    with pytest.raises(RefusalError):
        Allowance(19).take(answers)
    assert Allowance(4, with_texts=False).take(answers)[0] == Answer(1.0, "a", "four", "", {})


def vectors(seed, count):
    return unit(np.random.default_rng(seed).standard_normal((count, 64), dtype=np.float32))


@pytest.mark.parametrize("at_once", [1, 50, 10_000])
def test_who_asks_for_too_much_is_refused_alone_however_many_documents_are_read_at_once(
    retriever, monkeypatch, at_once
):
    monkeypatch.setattr("mrl_search.serve.searching._AT_ONCE", at_once)
    plan, queries = retriever.plan(k=20), [vectors(seed, count) for seed, count in enumerate((2, 3, 1))]
    tasks = [
        Search("animals", retriever, plan, some, allowance=Allowance(most))
        for some, most in zip(queries, (None, 1_200, 10_000), strict=True)
    ]
    first, refused, last = Searcher(Metrics())(tasks)
    assert isinstance(refused, RefusalError)
    for found, some in ((first, queries[0]), (last, queries[2])):
        assert [one.answers for one in found] == retriever.search_vectors(some, k=20)


def test_of_what_is_refused_no_more_is_read(retriever, monkeypatch):
    monkeypatch.setattr("mrl_search.serve.searching._AT_ONCE", 10)
    asked, read = [], type(retriever).all_answers
    monkeypatch.setattr(
        type(retriever), "all_answers", lambda self, hits: asked.append(hits.rows.size) or read(self, hits)
    )
    task = Search("animals", retriever, retriever.plan(k=10), vectors(0, 30), allowance=Allowance(100))
    (refused,) = Searcher(Metrics())([task])
    assert isinstance(refused, RefusalError)
    assert asked == [10]


def test_a_client_asks_in_parts(narrow, retriever):
    texts = [f"the fox number {number}" for number in range(40)]
    with Client(str(narrow.base_url)) as client:
        found = client.search(texts, k=3)
        assert [[one.id for one in some] for some in found] == [
            [one.id for one in some] for some in retriever.search(texts, k=3)
        ]
        with pytest.raises(ServeError, match="more than 1,200 characters"):
            client.search(texts[:1], k=40)
        (answers,) = client.search(texts[:1], k=40, texts=False)
        assert (len(answers), answers[0].text) == (40, "")


def test_a_key_that_cannot_be_one_is_told(narrow):
    with pytest.raises(ServeError, match="was it copied whole"):
        Client(str(narrow.base_url), key="mrl-…")

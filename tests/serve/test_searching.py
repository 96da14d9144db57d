"""What is searched alike goes through the funnel once; each request gets what it would get alone."""

import numpy as np
import pytest

import mrl_search
from mrl_search.errors import VectorsError
from mrl_search.retriever import Retriever
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.refusals import RefusalError
from mrl_search.serve.searching import Search, Searcher
from mrl_search.vectors import unit


@pytest.fixture(scope="module")
def retriever(library):
    with mrl_search.open(library) as opened:
        yield opened


@pytest.fixture
def searcher():
    return Searcher(Metrics())


def vectors(seed, count):
    return unit(np.random.default_rng(seed).standard_normal((count, 64), dtype=np.float32))


def task(retriever, queries, *, explain=False, texts=None, **told):
    return Search("animals", retriever, retriever.plan(**told), queries, texts, explain)


def ids(found):
    return [[answer.id for answer in one.answers] for one in found]


def alone(retriever, queries, **told):
    return [[answer.id for answer in one] for one in retriever.search_vectors(queries, **told)]


def test_requests_that_search_alike_are_one_search(retriever, searcher, monkeypatch):
    from mrl_search.serve import searching

    widths, search = [], searching.search
    monkeypatch.setattr(
        searching,
        "search",
        lambda index, queries, funnel: widths.append(len(queries)) or search(index, queries, funnel),
    )
    queries = [vectors(seed, count) for seed, count in ((1, 1), (2, 3), (3, 2))]
    told = [{"k": 3}, {"k": 5}, {"k": 3}]
    found = searcher([task(retriever, some, **one) for some, one in zip(queries, told, strict=True)])
    assert [ids(one) for one in found] == [
        alone(retriever, some, **one) for some, one in zip(queries, told, strict=True)
    ]
    assert sorted(widths) == [3, 3]  # 1 + 2 of k 3, and 3 of k 5


def test_an_error_is_of_those_who_asked_for_it(retriever, searcher):
    wrong = np.full((1, 64), np.nan, np.float32)
    good = vectors(1, 1)
    found = searcher([task(retriever, good, k=3), task(retriever, wrong, k=2)])
    assert ids(found[0]) == alone(retriever, good, k=3)
    assert isinstance(found[1], VectorsError)


def test_what_is_explained_tells_its_stages_and_finds_the_same(retriever, searcher):
    queries = vectors(4, 2)
    (found,) = searcher([task(retriever, queries, explain=True, funnel="16:20,64:3")])
    assert ids(found) == alone(retriever, queries, funnel="16:20,64:3")
    assert [[stage.name for stage in one.stages] for one in found] == [["16:20", "64:3"]] * 2


def test_a_proof_is_counted_and_told(retriever, searcher):
    (found,) = searcher([task(retriever, vectors(5, 2), k=3, guarantee="exact")])
    assert [(one.certified, one.gap) for one in found] == [(True, 0.0)] * 2


def test_words_that_are_not_there_are_a_refusal_of_those_who_want_them(retriever, searcher, monkeypatch):
    from mrl_search.errors import IndexStoreError
    from mrl_search.indexes import StoredIndex

    def none(_):
        raise IndexStoreError("no words")

    monkeypatch.setattr(StoredIndex, "check_words", none)
    queries = vectors(6, 1)
    found = searcher([task(retriever, queries, texts=["fox"], hybrid="rrf", k=3), task(retriever, queries, k=3)])
    assert isinstance(found[0], RefusalError) and found[0].code == "no_words"
    assert ids(found[1]) == alone(retriever, queries, k=3)


def test_the_next_batch_is_let_on_once_before_the_last_texts_are_read(retriever, monkeypatch):
    told, answers = [], Retriever.all_answers
    monkeypatch.setattr(Retriever, "all_answers", lambda self, hits: told.append("texts") or answers(self, hits))
    searcher = Searcher(Metrics(), lambda: told.append("let on"))
    searcher([task(retriever, vectors(1, 1), k=3), task(retriever, vectors(2, 1), k=2)])
    assert told == ["texts", "let on", "texts"]

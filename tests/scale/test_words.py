"""Words and vectors of a cluster: bit for bit what one index of all documents finds and scores, ties and gaps too."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mrl_search
from mrl_search.errors import IndexStoreError
from mrl_search.indexes import Statistics, words_in_memory
from mrl_search.scale import Terms, add_to_cluster, delete_from_cluster, on_terms, open_cluster, read_cluster

TEXTS = ["number 7", "title 3 number 33", "number number title", "", "zebra", "number 7 of title 8"]
WAYS = ["rrf", 0.0, 0.3, "1"]


@pytest.fixture(scope="module")
def both(single, cluster):
    with mrl_search.open(single) as one, open_cluster(cluster) as several:
        yield one, several


@pytest.fixture
def own(single, cluster, tmp_path):
    """(one index, a cluster) of the same documents, to be changed."""
    return shutil.copytree(single, tmp_path / "one"), shutil.copytree(cluster, tmp_path / "several")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("told", [{}, {"k": 3}, {"funnel": "16:9,64:5"}, {"where": "year > 1994"}])
def test_answers_are_those_of_one_index(both, way, told):
    one, several = both
    assert one.search(TEXTS, hybrid=way, **told) == several.search(TEXTS, hybrid=way, **told)


@pytest.mark.parametrize("depth", [1, 7, 8, 9, 1000])  # of each text there are 7 or 8, whose scores tie
def test_words_alone_find_the_rows_and_scores_of_one_index_where_ties_are_cut(both, depth):
    alone, together = (retriever.stored.say(TEXTS, depth) for retriever in both)
    rows = [np.arange(700)] * len(TEXTS)
    for a, b in zip(alone.rows, together.rows, strict=True):
        assert a.tolist() == b.tolist()
    for said in ((alone.rows, together.rows), (rows, rows)):
        for a, b in zip(alone.score(said[0]), together.score(said[1]), strict=True):
            assert a.dtype == b.dtype and a.tolist() == b.tolist()


def test_a_trace_tells_what_it_tells_of_one_index(both):
    from mrl_search.trace import traced_hybrid

    found = []
    for retriever in both:
        vectors = retriever.encode(["number 7"])
        found.append(traced_hybrid(retriever, "number 7", vectors, retriever.plan(5, hybrid="0.3")))
    assert found[0].answers == found[1].answers
    assert [(one.name, one.ranks) for one in found[0].stages] == [(one.name, one.ranks) for one in found[1].stages]


def test_what_was_deleted_counts_no_more_and_what_was_added_does(own, tmp_path):
    more = tmp_path / "more.jsonl"
    lines = ({"_id": f"d{n}", "text": f"zebra number {n % 5}", "year": 1990} for n in range(690, 720))
    more.write_text("".join(json.dumps(one) + "\n" for one in lines))
    for add, delete, folder in (
        (mrl_search.add, mrl_search.delete, own[0]),
        (add_to_cluster, delete_from_cluster, own[1]),
    ):
        delete(folder, [f"d{n}" for n in range(0, 300, 7)])
        add(folder, more)
        delete(folder, where="year = 1995")
    with mrl_search.open(own[0]) as one, open_cluster(own[1]) as several:
        for way in WAYS:
            for where in (None, "year < 1993"):
                told = {"hybrid": way, "where": where}
                assert one.search(TEXTS, **told) == several.search(TEXTS, **told)
    mrl_search.compact(own[0])
    with mrl_search.open(own[0]) as one, open_cluster(own[1]) as several:
        assert one.search(TEXTS, hybrid=0.3) == several.search(TEXTS, hybrid=0.3)


def test_a_run_of_many_queries_is_that_of_one_index(both):
    texts = {f"q{number}": f"number {number} title {number % 9}" for number in range(40)}
    runs = []
    for retriever in both:
        vectors = retriever.encode(list(texts.values()))
        runs.append(retriever.hybrid_run(texts, vectors, retriever.plan(10, hybrid="rrf")).ranking)
    assert runs[0] == runs[1]


VOCABULARY = ["red", "fox", "sea", "law", "tax", "whale"]


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=9).map(" ".join), min_size=1, max_size=9),
    question=st.lists(st.sampled_from([*VOCABULARY, "zebra"]), max_size=5).map(" ".join),
    owners=st.lists(st.integers(0, 2), min_size=9, max_size=9),
)
def test_any_deal_of_texts_scores_each_as_all_together_would(texts, question, owners):
    whole, _ = words_in_memory(texts, len(texts), lambda _: None)
    parts = [[row for row in range(len(texts)) if owners[row] == owner] for owner in range(3)]
    words = [words_in_memory([texts[row] for row in rows], len(rows), lambda _: None)[0] for rows in parts if rows]
    of = Statistics.together([one.statistics(question) for one in words])
    scores = np.zeros(len(texts), np.float32)
    for one, rows in zip(words, [rows for rows in parts if rows], strict=True):
        scores[rows] = one.scores(question, of)
    assert scores.tolist() == whole.scores(question).tolist()


def test_a_shard_without_words_says_how_to_make_them(own):
    import sqlite3

    told = read_cluster(own[1])
    folder = own[1] / told.shards[2].where
    with sqlite3.connect(folder / "index.sqlite") as catalog:
        catalog.execute("DROP TABLE lengths")
        catalog.execute("DROP TABLE postings")
    catalog.close()
    with open_cluster(own[1]) as several:
        with pytest.raises(IndexStoreError, match=f"run: mrl-search words .*{folder.name}"):
            several.stored.check_words()
        with on_terms(Terms(partial=True)) as terms, terms.counted():
            several.search(["number 7"], hybrid="rrf")
        assert terms.missing == {"s2"}

"""BM25 of an index beside the formula, counted anew."""

import math
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.indexes import postings
from mrl_search.indexes.postings import write_words
from mrl_search.indexes.tokens import tokens
from mrl_search.indexes.words import Words, best_by_words, words_in_memory

TEXTS = ["red fox", "red red fox of the red sea", "tax law", "", "the whale sings in the sea", "law of the sea and law"]
VOCABULARY = ["red", "fox", "sea", "law", "tax", "whale", "sings", "the"]


def naive(texts, question):
    """BM25 of the paper's Lucene variant, document by document."""
    split = [tokens(text) for text in texts]
    mean = sum(map(len, split)) / len(split)
    scores = []
    for words in split:
        score = 0.0
        for word in tokens(question):
            have = sum(word in other for other in split)
            if have:
                idf = math.log(1 + (len(split) - have + 0.5) / (have + 0.5))
                times = words.count(word)
                score += idf * times / (times + 1.5 * (1 - 0.75 + 0.75 * len(words) / mean))
        scores.append(score)
    return scores


def stored(*segments, live=None):
    """Words of segments in a catalog of their own; a segment is a list of texts, None for a row that is gone."""
    connection = sqlite3.connect(":memory:")
    for number, texts in enumerate(segments, 1):
        there = [(row, text) for row, text in enumerate(texts) if text is not None]
        write_words(connection, number, len(texts), there)
    sizes = [(number, len(texts)) for number, texts in enumerate(segments, 1)]
    return connection, Words(lambda statement, *values: connection.execute(statement, values), sizes, live)


def test_scores_worked_by_hand():
    _, words = stored(["red fox", "red sea red"])
    # lengths 2 and 3, mean 2.5; red is in both: idf = ln(1 + 0.5 / 2.5)
    idf = math.log(1.2)
    first, second = idf / (1 + 1.5 * (0.25 + 0.75 * 2 / 2.5)), idf * 2 / (2 + 1.5 * (0.25 + 0.75 * 3 / 2.5))
    assert words.scores("Reds").tolist() == pytest.approx([first, second], rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=9).map(" ".join), min_size=1, max_size=9),
    question=st.lists(st.sampled_from([*VOCABULARY, "zebra"]), max_size=5).map(" ".join),
    cut=st.integers(0, 9),
)
def test_scores_are_those_of_the_formula_whatever_the_segments(texts, question, cut):
    if not any(map(tokens, texts)):
        return
    _, whole = stored(texts)
    _, parted = stored(texts[:cut], texts[cut:])
    assert whole.scores(question).tolist() == pytest.approx(naive(texts, question), rel=1e-5, abs=1e-7)
    np.testing.assert_array_equal(parted.scores(question), whole.scores(question))


def test_deleted_documents_count_nowhere():
    live = np.array([True, False, True, True, True, True, False])
    _, words = stored(TEXTS[:3], [*TEXTS[3:], "red fox of the tundra"], live=live)
    kept = [text for text, there in zip([*TEXTS, ""], live, strict=True) if there]
    _, wanted = stored(kept)
    scores = words.scores("red fox sea tundra")
    np.testing.assert_array_equal(scores[live], wanted.scores("red fox sea tundra"))
    assert not scores[~live].any()


def test_rows_beyond_a_part_are_found(monkeypatch):
    monkeypatch.setattr(postings, "PART", 2)
    monkeypatch.setattr("mrl_search.indexes.words.PART", 2)
    _, words = stored([TEXTS[0], None, *TEXTS[1:]])
    _, wanted = stored(TEXTS)
    scores = words.scores("red law sea")
    # a row without a document counts as one without words, unless it is said to be dead
    assert np.flatnonzero(scores).tolist() == [0, 2, 3, 5, 6]
    live = np.array([True, False, *[True] * 5])
    _, told = stored([TEXTS[0], None, *TEXTS[1:]], live=live)
    np.testing.assert_array_equal(told.scores("red law sea")[live], wanted.scores("red law sea"))


def test_of_equals_the_first_rows_are_kept_and_what_is_not_asked_for_is_not_found():
    scores = np.array([0, 2, 1, 2, 1, 0, 1], np.float32)
    assert best_by_words(scores, 3).tolist() == [1, 3, 2]
    assert best_by_words(scores, 9).tolist() == [1, 3, 2, 4, 6]
    assert best_by_words(scores, 2, np.array([True, False] + [True] * 5)).tolist() == [3, 2]


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="\"'*()-:^ NEARORandfox\0🦊\ud800")))
def test_any_question_is_words_and_nothing_else(question):
    words, _ = words_in_memory(TEXTS, len(TEXTS), lambda _: None)
    scores = words.scores(question)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()


def test_an_endless_question_is_read_as_far_as_an_encoder_might():
    words, _ = words_in_memory(TEXTS, len(TEXTS), lambda _: None)
    endless = " ".join(f"w{number}" for number in range(150_000))  # 1 MB
    assert words.scores(f"fox {endless}")[0] > 0
    assert not words.scores(f"{endless} fox").any()


def test_a_question_of_stop_words_finds_nothing():
    words, _ = words_in_memory(TEXTS, len(TEXTS), lambda _: None)
    assert best_by_words(words.scores("of the and in"), 9).tolist() == []
    assert words.postings("of the and in") == 0
    assert words.postings("the red sea") == 2 + 3


def test_a_word_that_fills_a_document_is_counted_up_to_what_two_bytes_hold():
    connection, words = stored(["fox " * 300, "fox " * 70_000])
    assert [len(blob) for (blob,) in connection.execute("SELECT counts FROM postings")] == [4]
    assert 0 < words.scores("fox")[0] < words.scores("fox")[1] < 1

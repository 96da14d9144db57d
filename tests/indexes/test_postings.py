"""What a catalog holds of words, how it is forgotten, and what damage of it is found when."""

import sqlite3

import pytest
from test_words import stored

import mrl_search
from mrl_search.errors import IndexStoreError
from mrl_search.indexes.postings import (
    forget_words,
    posted_sum,
    segments_of_damaged_words,
    segments_with_words,
    write_words,
)
from mrl_search.indexes.words import Words


def test_words_are_forgotten_segment_by_segment():
    connection, _ = stored(["red"], ["fox"], ["sea"])
    forget_words(connection, [1, 3])
    assert segments_with_words(connection) == {2}
    assert connection.execute("SELECT word FROM postings").fetchall() == [("fox",)]
    forget_words(connection)
    assert segments_with_words(connection) == set()
    assert segments_with_words(sqlite3.connect(":memory:")) == set()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE postings SET rows = x'ffff'",  # beyond the segment
        "UPDATE postings SET rows = x'00'",
        "UPDATE postings SET rows = x''",
        "UPDATE postings SET rows = x'000000'",
        "UPDATE postings SET rows = 'text'",
        "UPDATE postings SET counts = x'0101010101'",
        "UPDATE postings SET part = -1",
        "UPDATE postings SET part = 9223372036854775807",
        "UPDATE postings SET part = 'one'",
    ],
)
@pytest.mark.parametrize("agrees", [False, True])
def test_damaged_postings_are_one_clear_error(damage, agrees):
    connection, words = stored(["red fox"])
    connection.execute(damage)
    if agrees:  # whoever damages on purpose makes the checksums anew
        connection.create_function("summed", 4, posted_sum)
        connection.execute("UPDATE postings SET sum = summed(word, part, rows, counts)")
    with pytest.raises(IndexStoreError, match="the index's words are damaged"):
        words.scores("fox")


@pytest.mark.parametrize("damage", ["words = x'0000'", "words = 'text'", "words = x''", "words = 5", "sum = 0"])
def test_damaged_lengths_are_one_clear_error(damage):
    connection, _ = stored(["red fox"])
    connection.execute(f"UPDATE lengths SET {damage}")
    with pytest.raises(IndexStoreError, match="the index's words are damaged"):
        Words(lambda statement, *values: connection.execute(statement, values), [(1, 1)])


def test_a_number_of_a_posting_that_was_changed_is_found_when_its_word_is_asked_for():
    connection, words = stored(["red fox", "red"])
    connection.execute("UPDATE postings SET counts = x'0201' WHERE word = 'red'")
    assert words.scores("fox")[0] > 0
    with pytest.raises(IndexStoreError, match="the index's words are damaged"):
        words.scores("red fox")
    assert segments_of_damaged_words(connection) == [1]


def test_a_word_that_is_missing_is_found_by_check():
    connection, _ = stored(["red fox"], ["sea"])
    assert segments_of_damaged_words(connection) == []
    connection.execute("DELETE FROM postings WHERE word = 'fox'")
    assert segments_of_damaged_words(connection) == [1]


def test_tables_without_checksums_are_as_good_as_none_and_are_written_anew():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE postings (segment, word, part, rows, counts)")
    connection.execute("CREATE TABLE lengths (segment, words, sum)")
    connection.execute("INSERT INTO lengths VALUES (1, x'02', 0)")
    assert segments_with_words(connection) == set()
    write_words(connection, 1, 1, [(0, "red fox")])
    assert segments_with_words(connection) == {1}
    assert segments_of_damaged_words(connection) == []


def test_words_that_an_older_version_wrote_are_written_anew(built, tmp_path):
    """SQLite drops no table while documents are read from another."""
    with sqlite3.connect(built / "index.sqlite") as catalog:
        catalog.execute("ALTER TABLE lengths DROP COLUMN total")
    catalog.close()
    path = tmp_path / "more.jsonl"
    path.write_text('{"_id": "q", "text": "quokka"}\n')
    mrl_search.add(built, path)
    with mrl_search.open(built) as retriever:
        assert retriever.search(["quokka"], k=1, hybrid="rrf")[0][0].id == "q"

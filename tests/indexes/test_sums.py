"""What a catalog holds is compared with what was committed, document by document as they are read."""

import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from test_writer import manifest, write

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError
from mrl_search.indexes import Codec, IndexChange, IndexWriter, check, compiled, open_index
from mrl_search.indexes.sums import checksum, demand_whole, is_whole, restored


@pytest.fixture
def index(tmp_path):
    write(tmp_path / "i", ["a", "b", "c"])
    return tmp_path / "i"


def damage(index, statement):
    connection = sqlite3.connect(index / "index.sqlite", isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("column", ["id", "title", "text", "metadata", "sum"])
def test_a_damaged_document_is_not_answered_and_check_names_it(index, column):
    damage(index, f"UPDATE documents SET {column} = {'sum + 1' if column == 'sum' else 1} WHERE row = 1")
    named = "1" if column == "id" else "b"
    stored = open_index(index)
    assert set(stored.documents([0, 2])) == {0, 2}
    with pytest.raises(IndexStoreError, match=f"the document '{named}' is damaged: its text is not what was committed"):
        stored.documents([0, 1])
    stored.close()
    (found,) = [finding for finding in check(index) if "add them again" in finding.problem]
    assert found == (f"1 documents are damaged ('{named}'); add them again", "", False, (named,))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE manifest SET json = replace(json, '2:', '1:')",
        "UPDATE manifest SET sum = sum + 1",
        "UPDATE segments SET vectors_sha256 = 'x'",
    ],
)
def test_a_catalog_that_says_another_thing_of_the_index_is_refused(index, statement):
    damage(index, statement)
    with pytest.raises(IndexStoreError, match="what it says of the index is not what was committed; build it again"):
        open_index(index)
    assert any("not what was committed" in finding.problem for finding in check(index))


def test_every_flipped_bit_of_a_document_is_found():
    told = checksum(1, 7, "id", "title", "ab", "")
    for bit in range(16):
        flipped = bytearray(b"ab")
        flipped[bit // 8] ^= 1 << bit % 8
        assert not is_whole(told, 1, 7, "id", "title", flipped.decode("latin-1"), "")


def test_a_document_in_the_place_of_another_is_found():
    """SQLite finds documents by an index of places, whose pages have no checksum either."""
    told = checksum(1, 7, "id", "title", "ab", "")
    assert is_whole(told, 1, 7, "id", "title", "ab", "")
    assert not is_whole(told, 1, 8, "id", "title", "ab", "")
    assert not is_whole(told, 2, 7, "id", "title", "ab", "")


def test_a_document_that_moves_takes_its_checksum_along(index):
    with IndexChange(index) as change:
        change.remove(["a"])
        change.write(change.segments, [])
        change.commit(replace(change.manifest, documents=2))
    assert check(index) == []
    stored = open_index(index)
    assert stored.documents([1])[1].id == "c"
    stored.close()


def test_a_damaged_document_is_not_moved(index):
    damage(index, "UPDATE documents SET text = 'other' WHERE id = 'b'")
    with pytest.raises(IndexStoreError, match="the document 'b' is damaged"), IndexChange(index) as change:
        change.write(change.segments, [])


def test_what_is_no_text_is_damaged():
    assert not is_whole(0, 1, 0, "id", None, "", "")
    with pytest.raises(IndexStoreError, match="the document 5 is damaged"):
        restored((1, 0), (5, "", "", ""), 0)


def test_a_document_of_a_format_without_checksums_is_taken_as_it_is():
    assert restored((1, 0), ("id", "title", "text", '{"year": 1}'), None) == Document(
        "id", "text", "title", {"year": 1}
    )
    with pytest.raises(IndexStoreError, match="the metadata of the document 'id' is damaged"):
        restored((1, 0), ("id", "title", "text", "{"), None)


def test_a_page_of_deleted_rows_that_cannot_be_read_is_one_clear_error(index):
    with IndexChange(index) as change:
        change.remove(["b"])
        change.commit(replace(change.manifest, documents=2))
    connection = sqlite3.connect(index / "index.sqlite")
    ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'tombstones'")
    ((size,),) = connection.execute("PRAGMA page_size")
    connection.close()
    with (index / "index.sqlite").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 16)
    with pytest.raises(IndexStoreError, match=r"index\.sqlite cannot be read: database disk image is malformed"):
        open_index(index)


@pytest.fixture
def dated(tmp_path):
    """Documents whose metadata say a year, in two segments, the newest of them without words that others have."""
    documents = [Document(f"d{number}", f"word{number} red", "", {"year": 2000 + number}) for number in range(6)]
    with IndexWriter(tmp_path / "d") as writer:
        for document in documents[:4]:
            writer.add(document)
        writer.write_words(lambda _: None)
        writer.write_vectors(iter([np.eye(4, dtype=np.float32)]), 4, "float32")
        writer.write_prefix(2, Codec("Flat"))
        writer.commit(manifest(4))
    add(tmp_path / "d", documents[4:])
    return tmp_path / "d"


def add(index, documents, *, merged=False):
    with IndexChange(index) as change:
        for document in documents:
            change.put(document)
        change.write(change.segments if merged else [], iter([np.eye(4, dtype=np.float32)[: len(documents)]]))
        change.commit(replace(change.manifest, documents=change.manifest.documents + len(documents)))


YEAR = "UPDATE documents SET metadata = replace(metadata, '2001', '2003') WHERE id = 'd1'"


def test_metadata_that_were_damaged_filter_nothing_and_delete_nothing(dated):
    damage(dated, YEAR)
    stored = open_index(dated)
    for where in ("year = 2001", "year = 2003", "year > 3000"):
        with pytest.raises(IndexStoreError, match="the document 'd1' is damaged"):
            stored.among(where)
    stored.close()
    with pytest.raises(IndexStoreError, match="the document 'd1' is damaged"), IndexChange(dated) as change:
        change.remove_where(compiled("year = 2003"))
    assert [finding.ids for finding in check(dated)] == [("d1",)]


def test_documents_of_a_segment_are_compared_once_for_all_filters_and_for_the_next_snapshot(dated, monkeypatch):
    compared = []
    monkeypatch.setattr("mrl_search.indexes.snapshot.demand_whole", lambda read, *segment: compared.append(segment))
    stored = open_index(dated)
    assert stored.among("year > 2002").rows.tolist() == [3, 4, 5]
    stored.among("year > 2003")
    assert compared == [(1, 4), (2, 2)]
    add(dated, [Document("new", "red", "", {"year": 1990})])
    later = open_index(dated, stored)
    assert later.among("year < 2001").rows.tolist() == [0, 6]
    assert compared == [(1, 4), (2, 2), (3, 1)]
    stored.close()
    later.close()


def test_a_document_that_an_index_of_the_catalog_has_lost_is_missed_by_a_filter(dated):
    connection = sqlite3.connect(dated / "index.sqlite", isolation_level=None)
    with pytest.raises(
        IndexStoreError, match="the catalog finds 4 documents of segment 1, which has 5; build the index"
    ):
        demand_whole(lambda *asked: connection.execute(asked[0], asked[1:]), 1, 5)
    connection.close()


def test_words_are_not_made_of_damaged_texts(dated):
    damage(dated, "UPDATE documents SET text = 'word9 red' WHERE id = 'd1'")
    with pytest.raises(IndexStoreError, match="the document 'd1' is damaged"):
        add(dated, [Document("new", "red")], merged=True)
    add(dated, [Document("new", "red")])
    stored = open_index(dated)
    assert set(stored.ids(stored.vectors.rows.tolist()[2:]).values()) == {"d2", "d3", "d4", "d5", "new"}
    stored.close()


def test_a_damaged_id_is_not_answered(dated):
    damage(dated, "UPDATE documents SET id = 'd9' WHERE id = 'd1'")
    stored = open_index(dated)
    with pytest.raises(IndexStoreError, match="the document 'd9' is damaged"):
        stored.ids([0, 1])
    assert stored.ids([0, 2]) == {0: "d0", 2: "d2"}
    stored.close()

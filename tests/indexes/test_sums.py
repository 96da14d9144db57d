"""What a catalog holds is compared with what was committed, document by document as they are read."""

import sqlite3
from dataclasses import replace

import pytest
from test_writer import write

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError
from mrl_search.indexes import IndexChange, check, open_index
from mrl_search.indexes.sums import checksum, is_whole, restored


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
    assert found == (f"1 documents are damaged ('{named}'); add them again", "", False)


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


def test_a_document_that_moves_takes_its_checksum_along_and_a_damaged_one_stays_damaged(index):
    damage(index, "UPDATE documents SET text = 'other' WHERE id = 'b'")
    with IndexChange(index) as change:
        change.remove(["a"])
        change.write(change.segments, [])
        change.commit(replace(change.manifest, documents=2))
    assert [finding.problem for finding in check(index)] == ["1 documents are damaged ('b'); add them again"]
    stored = open_index(index)
    assert stored.documents([1])[1].id == "c"
    stored.close()


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

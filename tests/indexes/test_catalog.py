import os
import sqlite3

import pytest
from test_writer import manifest, write

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError
from mrl_search.indexes import schema
from mrl_search.indexes.catalog import Catalog, has_commit


@pytest.fixture
def catalog(tmp_path):
    opened = Catalog.write(tmp_path / "index.sqlite")
    yield opened
    opened.close()


def test_what_is_not_committed_does_not_exist(tmp_path, catalog):
    catalog.add(1, 0, Document("a", "x"))
    assert not has_commit(tmp_path / "index.sqlite")
    catalog.commit(manifest(1))
    assert has_commit(tmp_path / "index.sqlite")


def test_segment_numbers_are_never_used_twice(catalog):
    first = catalog.new_segment()
    catalog.clear()
    assert catalog.new_segment() == first + 1


def test_documents_come_in_row_order_and_rows_lead_to_documents(catalog):
    for row in range(1200):
        catalog.add(1, row, Document(f"d{row}", f"text {row}"))
    assert [document.id for document in catalog.documents(1)] == [f"d{row}" for row in range(1200)]
    assert catalog.ids(1, list(range(1199, -1, -1))) == {row: f"d{row}" for row in range(1200)}
    assert catalog.fetch(1, [5, 5, 3]) == {3: Document("d3", "text 3"), 5: Document("d5", "text 5")}
    assert catalog.ids(1, []) == {}


def test_a_text_comes_back_letter_by_letter(catalog):
    text = "NUL \x00, quote ', 漢字, line\nend"
    catalog.add(1, 0, Document("id ü", text, "title", {"k": [1, None, {"ä": 0.5}]}))
    assert catalog.fetch(1, [0])[0] == Document("id ü", text, "title", {"k": [1, None, {"ä": 0.5}]})


def test_a_damaged_file_counts_as_committed_so_that_opening_it_says_what_is_wrong(tmp_path):
    (tmp_path / "index.sqlite").write_bytes(b"damaged" * 1000)
    assert has_commit(tmp_path / "index.sqlite")


def test_on_a_read_only_medium_the_file_is_read_as_it_stands(tmp_path, monkeypatch):
    write(tmp_path / "i", ["a"])
    monkeypatch.setattr(os, "access", lambda *_: False)
    there = sorted((tmp_path / "i").iterdir())
    opened = Catalog.read(tmp_path / "i/index.sqlite")
    assert opened.ids(1, [0]) == {0: "a"}
    assert sorted((tmp_path / "i").iterdir()) == there
    opened.close()


def test_what_waits_in_a_wal_is_read_on_a_read_only_medium_too(tmp_path, monkeypatch):
    write(tmp_path / "i", ["a"])
    writer = sqlite3.connect(tmp_path / "i/index.sqlite")
    with writer:
        writer.execute("UPDATE documents SET id = 'b'")  # its -wal is there until it closes
    monkeypatch.setattr(os, "access", lambda *_: False)
    opened = Catalog.read(tmp_path / "i/index.sqlite")
    assert list(opened.read_rows("SELECT id FROM documents")) == [("b",)]
    opened.close()
    writer.close()


@pytest.fixture
def full(monkeypatch):
    """A disk on which SQLite cannot make its -shm file."""
    real = schema._begun

    def begun(path, mode, wait_seconds):
        if mode == "rw":
            raise sqlite3.OperationalError("disk I/O error")
        return real(path, mode, wait_seconds)

    monkeypatch.setattr(schema, "_begun", begun)


def test_a_full_disk_can_be_read(tmp_path, full):
    write(tmp_path / "i", ["a"])
    opened = Catalog.read(tmp_path / "i/index.sqlite")
    assert opened.ids(1, [0]) == {0: "a"}
    opened.close()


def test_what_waits_in_a_wal_is_not_left_out_because_the_disk_is_full(tmp_path, full):
    write(tmp_path / "i", ["a"])
    (tmp_path / "i/index.sqlite-wal").write_bytes(b"x" * 100)
    with pytest.raises(IndexStoreError, match="cannot be read: disk I/O error"):
        Catalog.read(tmp_path / "i/index.sqlite")


@pytest.mark.parametrize("becomes", ["another", "gone"])
def test_a_file_that_is_read_without_locks_and_changes_is_noticed(tmp_path, full, monkeypatch, becomes):
    write(tmp_path / "i", ["a"])
    opened = Catalog.read(tmp_path / "i/index.sqlite")
    monkeypatch.undo()
    if becomes == "gone":
        (tmp_path / "i/index.sqlite").unlink()
    else:
        write(tmp_path / "i", ["b"], replace=True)
    with pytest.raises(IndexStoreError, match="was changed since it was opened; open the index again"):
        opened.ids(1, [0])
    opened.close()

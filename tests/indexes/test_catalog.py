import os
import sqlite3

import pytest
from test_writer import manifest, write

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError
from mrl_search.indexes.catalog import Catalog, has_commit
from mrl_search.indexes.schema import reading_mode


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
    path = tmp_path / "i" / "index.sqlite"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert reading_mode(path) == "ro&immutable=1"
    opened = Catalog.read(path)
    assert opened.ids(1, [0]) == {0: "a"}
    opened.close()
    writer = sqlite3.connect(path)
    writer.execute("CREATE TABLE kept_open (x)")  # its -wal is there until it closes
    assert reading_mode(path) == "ro"
    writer.close()


def test_a_file_that_is_read_without_locks_and_changes_is_noticed(tmp_path, monkeypatch):
    write(tmp_path / "i", ["a"])
    monkeypatch.setattr("mrl_search.indexes.catalog.reading_mode", lambda path: "ro&immutable=1")
    opened = Catalog.read(tmp_path / "i/index.sqlite")
    monkeypatch.undo()
    write(tmp_path / "i", ["b"], replace=True)
    with pytest.raises(IndexStoreError, match="was changed since it was opened; open the index again"):
        opened.ids(1, [0])
    opened.close()

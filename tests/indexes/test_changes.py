"""What a change does to the catalog: documents in, documents out, rows numbered anew."""

import pytest
from test_writer import write

from mrl_search.document import Document
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.changes import Changes
from mrl_search.indexes.filters import compiled


@pytest.fixture
def changes(tmp_path):
    """Of an index of three documents; undone in the end."""
    write(tmp_path / "i", ["a", "b", "c"])
    catalog = Catalog.write(tmp_path / "i/index.sqlite")
    yield Changes(catalog)
    catalog.close()


@pytest.fixture
def segment(changes):
    return changes._catalog.segments()[0]


def test_a_document_takes_the_place_of_one_with_its_id_but_not_of_one_that_just_came_in(changes, segment):
    assert changes.put(0, Document("b", "new"))
    assert not changes.put(1, Document("b", "newer"))
    assert changes.put(1, Document("d", "other"))
    assert [(document.id, document.text) for document in changes.incoming()] == [("b", "new"), ("d", "other")]
    assert (changes.removed.documents, changes.live(segment), changes.live_rows(segment)) == (1, 2, [0, 2])


def test_who_goes_leaves_a_tombstone_and_who_is_not_there_is_named(changes, segment):
    assert changes.remove(["c", "nobody", "c"]) == ["nobody", "c"]
    assert changes._catalog.tombstones(segment.number) == [2]
    assert changes.live_rows(segment) == [0, 1]


def test_documents_without_a_text_are_counted_as_they_go(changes):
    changes.put(0, Document("bare", ""))
    changes._connection.execute("UPDATE documents SET segment = 1, row = 9 WHERE id = 'bare'")
    changes.remove(["bare", "a"])
    assert changes.removed == (2, 1)


def test_a_filter_removes_what_it_passes(changes, segment):
    changes.remove_where(compiled("id IN ('a', 'c')"))
    assert changes.live_rows(segment) == [1]


def test_rows_are_numbered_anew_over_what_was_carried_and_what_came_in(changes, segment):
    changes.remove(["a"])
    changes.put(0, Document("d", "new"))
    number = changes._catalog.new_segment()
    assert changes.settle(number, [segment.number]) == 3
    assert changes._catalog.ids(number, [0, 1, 2]) == {0: "b", 1: "c", 2: "d"}
    assert [one.number for one in changes._catalog.segments()] == [number]
    assert changes._catalog.deaths() == 0

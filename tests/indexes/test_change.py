"""One change of an index, committed or not."""

import living_model as model
import numpy as np
import pytest
from test_writer import names

from mrl_search.document import Document
from mrl_search.errors import FilterError, IndexStoreError
from mrl_search.indexes import IndexChange, check
from mrl_search.indexes.filters import compiled

DOCUMENTS = {"a": "1", "b": "2", "c": "3"}


@pytest.fixture
def index(tmp_path):
    model.start(tmp_path / "i", DOCUMENTS)
    return tmp_path / "i"


def test_what_is_not_committed_leaves_no_trace(index):
    before = names(index)
    with IndexChange(index) as change:
        change.put(Document("d", "4"))
        change.remove(["a"])
        change.write(change.merged(), [model.vector("4")])
        assert names(index) != before
    assert names(index) == before
    model.opened(index, DOCUMENTS)


def test_blocks_that_fail_leave_no_trace(index):
    def blocks():
        yield model.vector("4")
        raise KeyboardInterrupt

    before = names(index)
    with pytest.raises(KeyboardInterrupt), IndexChange(index) as change:
        change.put(Document("d", "4"))
        change.write([], blocks())
    assert names(index) == before


def test_too_few_vectors_for_the_documents_are_refused(index):
    with pytest.raises(IndexStoreError, match="0 vectors for 1 documents"), IndexChange(index) as change:
        change.put(Document("d", "4"))
        change.write([], [])
    model.opened(index, DOCUMENTS)


def test_units_are_the_vectors_of_the_documents_that_are_left_in_order(index):
    with IndexChange(index) as change:
        change.remove(["b"])
        (block,) = change.units(change.segments)
    np.testing.assert_allclose(block, np.concatenate([model.vector("1"), model.vector("3")]), atol=1e-6)


def test_a_commit_removes_the_folders_of_what_it_wrote_anew(index):
    model.put(index, {"d": "4"}, merges=False)
    assert len(list((index / "segments").iterdir())) == 2
    model.compact(index)
    assert [folder.name for folder in (index / "segments").iterdir()] == ["000003"]
    assert check(index) == []


def test_a_field_that_no_document_has_removes_nothing(index):
    with pytest.raises(FilterError, match="none has any metadata"), IndexChange(index) as change:
        change.remove_where(compiled("year IS NULL"))
    model.opened(index, DOCUMENTS)


def test_there_must_be_an_index_and_none_is_made(tmp_path):
    with pytest.raises(IndexStoreError, match="there is no index in"), IndexChange(tmp_path / "none"):
        pass
    assert not (tmp_path / "none").exists()

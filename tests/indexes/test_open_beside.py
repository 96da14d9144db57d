"""A state that is opened beside another reads only what the other has not read."""

import living_model as model
import numpy as np
import pytest

from mrl_search.errors import IndexStoreError
from mrl_search.funnel import Funnel
from mrl_search.indexes import open_index, reader
from mrl_search.retriever import search

DOCUMENTS = {"a": "1", "b": "2", "c": "3"}


@pytest.fixture
def index(tmp_path):
    model.start(tmp_path / "i", DOCUMENTS)
    return tmp_path / "i"


@pytest.fixture
def read(monkeypatch):
    """The folders of segments whose prefixes were read."""
    names, read_prefix = [], reader.read_prefix

    def noted(path, *told):
        names.append(path.parent.name)
        return read_prefix(path, *told)

    monkeypatch.setattr(reader, "read_prefix", noted)
    return names


def found(stored, text):
    """Ids of all documents, the nearest first."""
    hits = search(stored.vectors, model.vector(text), Funnel.parse(f"{stored.manifest.dim}:9"))
    rows = [row for row in hits.rows[0].tolist() if row >= 0]
    return [stored.ids(rows)[row] for row in rows]


def test_only_prefixes_of_new_segments_are_read(index, read):
    first = open_index(index)
    model.put(index, {"d": "4"}, merges=False)
    model.remove(index, ["a"])
    second = open_index(index, first)
    assert read == ["000001", "000002"]
    assert found(second, "4")[0] == "d" and set(found(second, "4")) == {"b", "c", "d"}
    assert set(found(first, "1")) == {"a", "b", "c"}
    third = open_index(index, second)
    assert read == ["000001", "000002"]
    np.testing.assert_array_equal(found(third, "4"), found(second, "4"))
    for one in (first, second, third):
        one.close()


def test_an_index_that_was_built_anew_is_read_anew(index, read):
    first = open_index(index)
    model.compact(index)
    model.put(index, {"d": "4"}, merges=True)
    with_all = open_index(index, first)
    assert set(found(with_all, "4")) == {"a", "b", "c", "d"}
    assert read[0] == "000001" and len(read) > 1
    first.close()
    with_all.close()


def test_two_segments_with_the_same_prefixes_share_them(index, read):
    model.put(index, {"d": "4"}, merges=False)
    model.put(index, {"e": "4"}, merges=False)
    with_both = open_index(index)
    assert set(found(with_both, "4")[:2]) == {"d", "e"}
    with_both.close()


def test_a_size_that_is_wrong_is_found_all_the_same(index):
    first = open_index(index)
    path = index / "segments/000001/prefix.faiss"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IndexStoreError, match="were committed"):
        open_index(index, first)
    first.close()

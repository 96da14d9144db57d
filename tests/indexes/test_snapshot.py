"""An index, opened: rows over all its segments, filters it remembers, one snapshot whatever is committed meanwhile."""

import numpy as np
import pytest

import mrl_search
from mrl_search.errors import FilterError, VectorsError

OPTIONS = mrl_search.BuildOptions(prefix="Flat", rotation="pca")


@pytest.fixture
def folder(tmp_path, corpus, monkeypatch):
    """30 documents d0 … d29 in one segment, ten more in a second one, d3 deleted."""
    monkeypatch.setattr("mrl_search.indexes.merging._SMALL", 10)  # so that the first segment is not merged
    monkeypatch.setattr("mrl_search.indexes.merging._TIMES", 1)
    first = corpus(*({"_id": f"d{n}", "text": f"number {n}", "year": n} for n in range(30)))
    index = mrl_search.build(first, tmp_path / "index", dims=(8, 16), encoder="hashing:16", options=OPTIONS)
    more = corpus(*({"_id": f"d{n}", "text": f"number {n}", "year": n} for n in range(30, 40)), name="more.jsonl")
    mrl_search.add(index, more)
    mrl_search.delete(index, ["d3"])
    return index


@pytest.fixture
def stored(folder):
    with mrl_search.open(folder) as retriever:
        yield retriever.stored


def test_it_says_what_it_is_made_of(stored):
    assert (stored.is_whole, stored.segment_count, stored.deleted_rows, stored.has_bounds) == (False, 2, 1, False)


def test_rows_are_numbered_over_all_segments(stored):
    assert stored.ids([0, 29, 30, 39]) == {0: "d0", 29: "d29", 30: "d30", 39: "d39"}
    assert stored.documents([31])[31].text == "number 31"


def test_a_filter_takes_the_rows_that_are_not_deleted(stored):
    assert stored.among("year < 5").rows.tolist() == [0, 1, 2, 4]
    assert np.flatnonzero(stored.passing("year >= 29")).tolist() == [29, *range(30, 40)]
    assert stored.passing(None) is None


def test_the_last_filters_are_remembered_and_the_first_of_them_forgotten(stored):
    first = stored.among("year < 0")
    for number in range(1, 16):
        stored.among(f"year < {number}")
    assert stored.among("year < 0") is first
    stored.among("year < 16")  # the seventeenth
    assert stored.among("year < 0") is not first


def test_a_filter_by_a_field_that_no_document_has_is_refused(stored):
    with pytest.raises(FilterError, match="yaer"):
        stored.among("yaer < 5")


def test_queries_are_turned_as_the_documents_were(stored):
    queries = np.random.default_rng(0).standard_normal((3, 16)).astype(np.float32)
    np.testing.assert_allclose(stored.turned(queries), queries @ stored.rotation.matrix.T, atol=1e-6)
    with pytest.raises(VectorsError, match="have 15 dims; this index is rotated and needs 16"):
        stored.turned(queries[:, :15])


def test_a_commit_meanwhile_changes_nothing_of_what_is_open(folder, stored):
    mrl_search.delete(folder, ["d0"])
    assert stored.ids([0]) == {0: "d0"}
    assert stored.manifest.documents == 39

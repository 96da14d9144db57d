import numpy as np
import pytest

from mrl_search.indexes.exhaustive import exact, growing
from mrl_search.indexes.scoring import scored
from mrl_search.indexes.stored import StoredVectors, packed
from mrl_search.vectors import prefix, unit

DIMS = [3, 8, 20, 32]


def naive(stored, queries, dim, k):
    """Every row scored."""
    return scored(stored, queries, np.tile(np.arange(len(stored)), (len(queries), 1)), dim, k)


def assert_same(found, wanted):
    np.testing.assert_array_equal(found.rows, wanted.rows)
    np.testing.assert_array_equal(found.scores, wanted.scores)


@pytest.mark.parametrize("k", [1, 10, 600, 700])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_one_pass_finds_at_every_width_what_scoring_every_row_does(monkeypatch, clustered, k, dtype):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 77)
    monkeypatch.setattr("mrl_search.indexes.exhaustive._QUERIES", 16)
    stored = StoredVectors(packed(clustered, dtype), dtype)
    queries = np.concatenate([clustered[:20], -clustered[300:317]])
    found = exact(stored, queries, [20, 3, 32, 8, 8], k)
    assert list(found) == DIMS
    for dim in DIMS:
        assert_same(found[dim], naive(stored, queries, dim, k))


def test_the_best_are_found_by_cosines_in_float64(clustered):
    found = exact(StoredVectors(clustered, "float32"), clustered[:50], DIMS, 10)
    for dim in DIMS:
        cosines = prefix(clustered[:50], dim).astype(np.float64) @ prefix(clustered, dim).astype(np.float64).T
        best = -np.sort(-cosines, axis=1)[:, :10]
        np.testing.assert_allclose(found[dim].scores, best, atol=1e-6)
        np.testing.assert_allclose(np.take_along_axis(cosines, found[dim].rows, axis=1), best, atol=1e-6)


@pytest.mark.parametrize("block", [7, 1000])
def test_zeros_score_zero_with_everything_and_come_in_row_order(monkeypatch, block):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", block)
    rows = unit(np.random.default_rng(0).standard_normal((100, 8)).astype(np.float32))
    rows[::3] = 0
    rows[50:, :4] = 0  # a prefix of zeros
    queries = np.zeros((3, 8), np.float32)
    queries[1, 6], queries[2, 1] = 1, -1  # the second has a prefix of zeros
    stored = StoredVectors(rows, "float32")
    found = exact(stored, queries, [4, 8], 5)
    assert found[8].rows[0].tolist() == found[4].rows[0].tolist() == found[4].rows[1].tolist() == [0, 1, 2, 3, 4]
    for dim in (4, 8):
        assert_same(found[dim], naive(stored, queries, dim, 5))


def test_a_later_block_of_zeros_is_better_than_rows_on_the_other_side(monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 10)
    rows = np.zeros((20, 2), np.float32)
    rows[:10, 0] = -1
    rows[10:, 1] = 1
    found = exact(StoredVectors(rows, "float32"), np.array([[1, 0]], np.float32), [2], 3)[2]
    assert (found.rows.tolist(), found.scores.tolist()) == ([[10, 11, 12]], [[0, 0, 0]])


def test_copies_come_in_row_order_however_many_there_are(monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 64)
    row = unit(np.random.default_rng(1).standard_normal((1, 200)).astype(np.float32))
    stored = StoredVectors(np.tile(row, (500, 1)), "float32")
    queries = unit(np.random.default_rng(2).standard_normal((3, 200)).astype(np.float32))
    for dim, found in exact(stored, queries, [1, 130, 200], 40).items():
        assert found.rows.tolist() == [list(range(40))] * 3, dim


def test_no_query_finds_nothing(clustered):
    found = exact(StoredVectors(clustered, "float32"), np.empty((0, 32), np.float32), [8, 32], 5)
    assert [hits.rows.shape for hits in found.values()] == [(0, 5), (0, 5)]


@pytest.mark.parametrize("sizes", [[600], [5, 77, 78, 599, 600], [154, 300]])
def test_as_rows_are_added_each_size_finds_what_it_would_alone(monkeypatch, clustered, sizes):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 77)
    queries = clustered[5:25]
    at = []
    for size, found in growing(StoredVectors(clustered, "float32"), queries, DIMS, 10, sizes):
        alone = exact(StoredVectors(clustered[:size], "float32"), queries, DIMS, 10)
        for dim in DIMS:
            assert_same(found[dim], alone[dim])
        at.append(size)
    assert at == sizes

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.indexes.kernels.fastscan import _best_codes, _least, _nearest, _tables
from mrl_search.indexes.kernels.select import row_of


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(0, 9))
def test_the_nearest_cells_are_the_best_but_for_the_rounding_of_centres(count, seed):
    random = np.random.default_rng(seed)
    centres, query = random.standard_normal((90, 40)), random.standard_normal(40).astype(np.float32)
    step = np.float32(np.abs(centres).max() / 127)
    bytes_ = np.zeros((90, 64), np.uint8)
    bytes_[:, :40] = 128 + np.rint(centres / step)
    cells, scores = _nearest(bytes_, step, query, count)
    exact = centres @ query
    assert len(set(cells.tolist())) == count
    error = 0.1 * np.abs(query).sum() / 40**0.5
    np.testing.assert_allclose(scores - scores[0], exact[cells] - exact[cells[0]], atol=2 * error)
    left_out = np.delete(exact, cells)
    assert not len(left_out) or exact[cells].min() >= left_out.max() - 2 * error


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=500), st.integers(1, 600))
def test_k_codes_reach_the_least_sum_or_all_do(largest, k):
    least = _least(np.array(largest, np.uint16), k)
    assert sum(one >= least for one in largest) >= min(k, len(largest))
    assert sum(one >= least + 32 for one in largest) < k  # no bin higher would do


def test_tables_say_what_each_code_adds_rounded_to_255_steps():
    centroids = np.zeros((2, 1, 16), np.float32)  # two tables of one dim
    centroids[0, 0], centroids[1, 0] = np.linspace(-1, 1, 16), np.linspace(0, 0.2, 16)
    luts, scale = _tables(np.array([1, 5], np.float32), centroids, np.float32(0))
    luts = luts.reshape(2, 16)
    assert scale == 255 / 2
    # the first spans 2, the second 5 · 0.2 = 1: 255 and 127.5 steps of the wider one
    assert luts[0].tolist() == [17 * step for step in range(16)]
    np.testing.assert_allclose(luts[1], [8.5 * step for step in range(16)], atol=0.51)


def test_places_without_a_row_take_no_place_though_their_sums_are_the_largest():
    sums = np.arange(128, dtype=np.uint16) * 40
    rows = np.full(128, -1, np.int32)
    rows[[3, 40, 50, 70]] = [6, 7, 8, 9]  # the largest sum of every block belongs to no row
    largest = sums.reshape(4, 32).max(axis=1)
    for k, expected in ((1, {9}), (2, {9, 8}), (4, {9, 8, 7, 6}), (9, {9, 8, 7, 6})):
        keys = _best_codes(sums, largest, np.arange(4), rows, k)
        assert len(keys) >= min(k, 4)
        assert {row_of(key) for key in np.sort(keys)[-k:]} == expected


def test_where_cells_lead_by_far_sums_still_fit_16_bits():
    centroids = np.zeros((2, 1, 16), np.float32)
    centroids[:, 0] = np.linspace(0, 1e-3, 16)
    luts, scale = _tables(np.ones(2, np.float32), centroids, np.float32(10))
    assert 2 * luts.max() + 10 * scale < 2**16
    assert 10 * scale > 2**16 - 100

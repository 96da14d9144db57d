import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.indexes.kernels import LANES
from mrl_search.indexes.kernels.fastscan import _best_codes, _least, _nearest, _tables
from mrl_search.indexes.kernels.select import row_of


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=600), st.data())
def test_the_nearest_cells_are_the_best_but_for_what_falls_into_one_bin(scores, data):
    scores = np.array(scores, np.float32)
    count = data.draw(st.integers(1, len(scores)))
    chosen = _nearest(scores, count)
    assert len(set(chosen.tolist())) == count
    bin_width = (scores.max() - scores.min()) / 511 + 1e-6
    left_out = np.delete(scores, chosen)
    assert not len(left_out) or scores[chosen].min() >= left_out.max() - bin_width


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=500), st.integers(1, 600))
def test_k_codes_reach_the_least_sum_or_all_do(largest, k):
    least = _least(np.array(largest, np.uint16), k)
    assert sum(one >= least for one in largest) >= min(k, len(largest))
    assert sum(one >= least + 32 for one in largest) < k  # no bin higher would do


def test_tables_say_what_each_code_adds_rounded_to_255_steps():
    centroids = np.zeros((2, 1, 16), np.float32)  # two tables of one dim
    centroids[0, 0], centroids[1, 0] = np.linspace(-1, 1, 16), np.linspace(0, 0.2, 16)
    luts = _tables(np.array([1, 5], np.float32), centroids).reshape(2, 16)
    # the first spans 2, the second 5 · 0.2 = 1: 255 and 127.5 steps of the wider one
    assert luts[0].tolist() == [17 * step for step in range(16)]
    np.testing.assert_allclose(luts[1], [8.5 * step for step in range(16)], atol=0.51)


@pytest.mark.skipif(not LANES, reason="this CPU has no byte shuffle")
def test_places_without_a_row_take_no_place_though_their_sums_are_the_largest():
    sums = np.arange(128, dtype=np.uint16) * 40
    rows = np.full(128, -1, np.int32)
    rows[[3, 40, 50, 70]] = [6, 7, 8, 9]  # the largest sum of every block belongs to no row
    largest = sums.reshape(4, 32).max(axis=1)
    for k, expected in ((1, {9}), (2, {9, 8}), (4, {9, 8, 7, 6}), (9, {9, 8, 7, 6})):
        keys = _best_codes(sums, largest, np.arange(4), rows, k)
        assert {row_of(key) for key in keys} == expected

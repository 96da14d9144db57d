"""What more documents will need."""

import numpy as np
import pytest

from mrl_search.tuning.ahead import _law, _needed, _thinned, look_ahead
from mrl_search.tuning.asked import Lists


def test_thinning_counts_only_what_stays():
    # full order 0 1 2 3 4, prefix order 4 3 0 1 2; of rows 1, 2 and 4 the two best are 1 and 2, at places 2 and 3
    found = Lists({2: np.array([[4, 3, 0, 1, 2]]), 4: np.array([[0, 1, 2, 3, 4]])}, 2, 5)
    assert _thinned(found, 2, np.array([False, True, True, False, True])).tolist() == [[2, 3]]


def test_a_query_whose_list_is_too_short_after_thinning_tells_nothing():
    found = Lists({2: np.array([[1, 0]]), 4: np.array([[0, 1]])}, 2, 9)
    assert np.isnan(_thinned(found, 2, np.arange(9) != 1)).all()


def test_needed_is_the_place_that_holds_the_share():
    places = np.array([[1.0, 2.0], [3.0, 10.0]])
    assert _needed([places], 0.75) == pytest.approx(3)
    assert _needed([places, 4 * places], 0.75) == pytest.approx(6)  # the geometric mean of 3 and 12
    assert _needed([np.array([[1.0, np.inf]])], 1.0) == np.inf


def test_a_power_law_goes_on_from_the_last_size():
    power, twice, fourfold = _law([100, 200, 400], [10, 20, 40], (2, 4))
    assert (power, twice, fourfold) == pytest.approx((1, 80, 160))


def test_what_is_expected_of_more_documents_is_near_what_they_need():
    # prefix scores are true scores and noise, so needed places grow with the documents
    random = np.random.default_rng(0)
    full, by_prefix = np.empty((150, 400), np.int64), np.empty((150, 400), np.int64)
    small, small_prefix = full.copy(), by_prefix.copy()
    for query in range(150):
        scores = random.standard_normal(16_000)
        noisy = scores + 0.3 * random.standard_normal(16_000)
        full[query], by_prefix[query] = np.argsort(-scores)[:400], np.argsort(-noisy)[:400]
        small[query], small_prefix[query] = np.argsort(-scores[:4_000])[:400], np.argsort(-noisy[:4_000])[:400]
    truth = look_ahead(Lists({2: by_prefix, 4: full}, 10, 16_000), 2, 0.9)
    guess = look_ahead(Lists({2: small_prefix, 4: small}, 10, 4_000), 2, 0.9, times=(4,))
    assert guess.documents == (500, 1_000, 2_000, 4_000)
    assert guess.expected[0].value == pytest.approx(truth.needed[-1], rel=0.25)
    assert 0 < guess.power.value < 1


def test_lists_too_short_for_two_sizes_tell_nothing():
    rows = np.tile(np.arange(12), (20, 1))
    assert look_ahead(Lists({2: rows, 4: rows}, 10, 600), 2, 0.9) is None

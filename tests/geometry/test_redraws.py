import numpy as np
import pytest

from mrl_search.geometry.redraws import REDRAWN, reach, rows_of, weights


def test_the_first_line_is_all_rows_once_and_others_are_half_of_them_twice():
    found = weights(30)
    assert found.shape == (1 + REDRAWN, 30)
    assert found[0].tolist() == [1.0] * 30
    assert np.unique(found[1:]).tolist() == [0.0, 2.0]
    assert found.sum(axis=1).tolist() == [30.0] * (1 + REDRAWN)


def test_of_an_odd_number_the_smaller_half_weighs_as_much_as_all():
    assert weights(5)[1:].sum(axis=1) == pytest.approx(np.full(REDRAWN, 5.0))


def test_two_subjects_are_redrawn_alike():
    assert (weights(30) == weights(30)).all()


def test_rows_stand_in_a_redraw_that_have_a_weight():
    assert rows_of(np.array([0.0, 2, 2, 0])).tolist() == [1, 2]


def test_the_interval_of_a_mean_is_that_of_the_central_limit():
    values = np.random.default_rng(0).standard_normal(2_000)
    assert reach(weights(2_000) @ values / 2_000) == pytest.approx(1.96 / np.sqrt(2_000), rel=0.25)

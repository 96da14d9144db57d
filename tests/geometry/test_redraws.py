import numpy as np
import pytest

from mrl_search.geometry.redraws import REDRAWN, means, reach, rows_of, weights


def test_the_first_line_is_all_rows_once_and_others_draw_as_many():
    found = weights(30)
    assert found.shape == (1 + REDRAWN, 30)
    assert found[0].tolist() == [1.0] * 30
    assert found.sum(axis=1).tolist() == [30.0] * (1 + REDRAWN)


def test_two_subjects_are_redrawn_alike():
    assert (weights(30) == weights(30)).all()


def test_rows_stand_as_often_as_they_are_drawn():
    assert rows_of(np.array([0.0, 2, 1])).tolist() == [1, 1, 2]


def test_the_interval_of_a_mean_is_that_of_the_central_limit():
    values = np.random.default_rng(0).standard_normal(2_000)
    assert reach(means(values)) == pytest.approx(1.96 / np.sqrt(2_000), rel=0.25)

import numpy as np
import pytest

from mrl_search.geometry.moments import moments
from mrl_search.geometry.outliers import outlier_dims


def test_a_dim_with_a_far_mean_and_one_that_varies_much_are_outliers_and_the_first_makes_the_cosine():
    points = np.random.default_rng(0).standard_normal((2_000, 50))
    points[:, 7] += 5
    points[:, 9] *= 8
    found = outlier_dims(moments(points))
    assert [one.dim for one in found] == [7, 9]
    assert found[0].mean == pytest.approx(5, abs=0.1)
    assert found[0].share > 0.95
    assert found[1].deviation == pytest.approx(8, rel=0.1)


def test_of_dims_alike_none_stands_out():
    points = np.tile(np.array([[1.0, -1], [-1, 1]]), (1, 10))
    assert outlier_dims(moments(points)) == ()


def test_shares_are_of_the_average_cosine_of_independent_rows():
    points = np.zeros((4, 30))
    points[:, 0], points[:, 1] = 3, 1
    (found,) = outlier_dims(moments(points))
    assert (found.dim, found.share) == (0, pytest.approx(9 / 10))

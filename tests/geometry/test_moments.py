import numpy as np
import pytest

from mrl_search.geometry.moments import GROUPS, grouped, moments
from mrl_search.vectors import prefix, unit


@pytest.fixture
def vectors():
    return unit(np.random.default_rng(3).standard_normal((500, 12)).astype(np.float32) + 0.3)


def test_moments_of_two_points_worked_by_hand():
    found = moments(np.array([[1.0, 0.0], [3.0, 2.0]]))
    assert found.mean.tolist() == [2.0, 1.0]
    assert found.second.tolist() == [[5.0, 3.0], [3.0, 2.0]]  # (1 + 9) / 2, (0 + 6) / 2, (0 + 4) / 2
    assert found.covariance.tolist() == [[1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("dim", [2, 5, 12])
def test_groups_of_one_pass_add_up_to_the_moments_of_each_re_normalised_prefix(vectors, dim):
    found = grouped(vectors, (2, 5, 12))[dim].moments()
    plain = moments(prefix(vectors, dim))
    np.testing.assert_allclose(found.mean, plain.mean, atol=1e-6)
    np.testing.assert_allclose(found.second, plain.second, atol=1e-6)


def test_a_redraw_is_the_moments_of_the_groups_drawn_as_often_as_they_are(vectors):
    of = grouped(vectors, (12,))[12]
    weights = np.zeros(GROUPS, np.float32)
    weights[[4, 7]] = 1, 3
    order = np.random.default_rng(0).permutation(500)
    parts = np.array_split(order, GROUPS)
    plain = moments(np.concatenate([vectors[parts[4]], *[vectors[parts[7]]] * 3]))
    np.testing.assert_allclose(of.moments(weights).second, plain.second, atol=1e-6)


def test_fewer_rows_than_groups_make_fewer_groups(vectors):
    assert len(grouped(vectors[:5], (12,))[12].counts) == 5


def test_a_prefix_of_zeros_stays_zero():
    found = grouped(np.array([[0, 0, 1], [1, 0, 0]], np.float32), (2, 3))
    assert found[2].moments().mean.tolist() == [0.5, 0.0]

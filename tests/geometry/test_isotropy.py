import numpy as np
import pytest

from mrl_search.geometry.isotropy import average_cosine, centred, correlation, isoscore, participation_ratio
from mrl_search.geometry.moments import Moments, moments


def of(covariance):
    return Moments(np.zeros(len(covariance)), np.array(covariance, float))


def test_isoscore_is_1_where_all_directions_vary_alike():
    assert isoscore(of(np.eye(7))) == pytest.approx(1)


def test_isoscore_is_0_where_one_direction_alone_varies():
    assert isoscore(of(np.ones((5, 5)))) == pytest.approx(0)


def test_isoscore_is_the_share_of_dims_that_vary():
    # Rudman et al. 2022, §4.2: I_k of n dims, k of them alike and the others 0, has ι = (k - 1) / (n - 1)
    assert isoscore(of(np.diag([2.0, 2, 2, 0, 0]))) == pytest.approx(2 / 4)


def test_isoscore_of_an_isotropic_gaussian_comes_near_1():
    points = np.random.default_rng(0).standard_normal((20_000, 10))
    assert isoscore(moments(points)) == pytest.approx(1, abs=0.002)


def test_isoscore_does_not_depend_on_where_points_lie_how_large_they_are_or_how_turned():
    random = np.random.default_rng(1)
    points = random.standard_normal((400, 4)) * [1, 2, 3, 4]
    turn, _ = np.linalg.qr(random.standard_normal((4, 4)))
    assert isoscore(moments(7 * points @ turn + 5)) == pytest.approx(isoscore(moments(points)))


def test_isoscore_agrees_with_the_authors_packages():
    # IsoScore from PyPI, in a throwaway environment, 2026-11-26: 1.0 (scikit-learn); 2.0.1 (torch), whose root of the
    # number of dims is float32, has .55740270 and .49544609
    random = np.random.default_rng(0)
    first = random.standard_normal((200, 6)) * [1, 2, 3, 4, 5, 6] + 3
    mixed = np.array([[1, 0.5, 0, 0], [0, 1, 0.5, 0], [0, 0, 1, 0.5], [0, 0, 0, 0.1]])
    second = random.standard_normal((500, 4)) @ mixed
    assert isoscore(moments(first)) == pytest.approx(0.5574027251755924, rel=1e-9)
    assert isoscore(moments(second)) == pytest.approx(0.49544608724006406, rel=1e-9)


def test_isoscore_follows_the_steps_of_algorithm_1():
    random = np.random.default_rng(4)
    points = random.standard_normal((300, 5)) * [1, 1, 2, 3, 9]
    dim = 5
    variances = np.linalg.eigvalsh(np.cov(points.T))
    scaled = np.sqrt(dim) * variances / np.linalg.norm(variances)
    defect = np.linalg.norm(scaled - 1) / np.sqrt(2 * (dim - np.sqrt(dim)))
    naive = ((dim - defect**2 * (dim - np.sqrt(dim))) ** 2 - dim) / (dim * (dim - 1))
    assert isoscore(moments(points)) == pytest.approx(naive)


def test_one_dim_has_no_isoscore():
    assert np.isnan(isoscore(of([[1.0]])))


def test_the_participation_ratio_of_variances_3_and_1_is_1_6():
    assert participation_ratio(of(np.diag([3.0, 1.0]))) == pytest.approx(16 / 10)


def test_where_nothing_varies_nothing_participates():
    assert np.isnan(participation_ratio(of(np.zeros((3, 3)))))


def test_correlation_is_the_mean_of_the_absolute_values_off_the_diagonal():
    # r = 2 / (1 · 4) = .5, -3 / (1 · 3) = -1, 0: mean |r| = .5
    covariance = [[1.0, 2, -3], [2, 16, 0], [-3, 0, 9]]
    assert correlation(of(covariance)) == pytest.approx(0.5)


def test_a_constant_dim_correlates_with_nothing():
    assert correlation(of([[1.0, 0.5, 0], [0.5, 1, 0], [0, 0, 0]])) == pytest.approx(0.5)


def test_a_dim_that_hardly_varies_correlates_as_any_other():
    assert correlation(of([[1.0, 0.5e-4], [0.5e-4, 1e-8]])) == pytest.approx(0.5)


def test_independent_dims_correlate_as_chance_has_it():
    points = np.random.default_rng(5).standard_normal((2_000, 40))
    assert correlation(moments(points)) == pytest.approx(np.sqrt(2 / (np.pi * 2_000)), rel=0.05)


def test_the_average_cosine_is_that_of_all_pairs_of_different_rows():
    points = np.array([[1.0, 0], [0, 1], [1, 0]])
    assert average_cosine(points, np.ones((1, 3))).tolist() == pytest.approx([1 / 3])  # 0, 1, 0


def test_a_row_drawn_twice_is_no_pair_with_itself():
    points = np.array([[1.0, 0], [0, 1], [0.6, 0.8]])
    weights = np.array([[2.0, 0, 1]])
    assert average_cosine(points, weights).tolist() == pytest.approx([0.6])


def test_centred_rows_have_length_1_about_their_mean():
    found = centred(np.array([[3.0, 1], [5, 1], [4, 1]]))
    assert found.tolist() == [[-1, 0], [1, 0], [0, 0]]

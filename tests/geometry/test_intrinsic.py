import numpy as np
import pytest

from mrl_search.geometry.intrinsic import levina_bickel, two_nn


def distances(points, k=20):
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=k + 1).fit(points).kneighbors(points)[0][:, 1:]


def embedded(points, dim=50):
    """In random directions of `dim` dims."""
    axes, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((dim, points.shape[1])))
    return points @ axes.T


def test_two_nn_of_a_5_d_cube_in_50_d_is_5_within_a_tenth():
    points = embedded(np.random.default_rng(0).random((3_000, 5)))
    assert two_nn(distances(points)) == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_both_find_the_dims_of_gaussians_in_50_d(dim):
    points = embedded(np.random.default_rng(dim).standard_normal((3_000, dim)))
    assert two_nn(distances(points)) == pytest.approx(dim, rel=0.1)
    assert levina_bickel(distances(points)) == pytest.approx(dim, rel=0.1)


def test_a_curve_has_one_dim_however_it_is_bent():
    t = np.random.default_rng(0).uniform(0, 20, 3_000)
    assert two_nn(distances(np.stack([np.cos(t), np.sin(t), t], axis=1))) == pytest.approx(1, rel=0.1)


def test_both_agree_with_scikit_dimension():
    # scikit-dimension 0.5.0 from PyPI: TwoNN() and MLE() with n_neighbors=20, comb="mle"; throwaway environment, 2026-11-26
    points = embedded(np.random.default_rng(1).random((400, 5)))
    assert two_nn(distances(points)) == pytest.approx(4.555254668394441, rel=1e-6)
    assert levina_bickel(distances(points)) == pytest.approx(4.323675962136331, rel=1e-6)


def test_a_cube_about_0_loses_a_dim_where_its_points_are_brought_to_length_1():
    points = embedded(np.random.default_rng(0).random((3_000, 5)) - 0.5)
    assert two_nn(distances(points)) == pytest.approx(5, rel=0.1)
    assert two_nn(distances(points / np.linalg.norm(points, axis=1, keepdims=True))) == pytest.approx(4, rel=0.1)


def test_points_with_a_copy_are_left_out():
    points = embedded(np.random.default_rng(0).random((1_000, 3)))
    twice = np.concatenate([points, points[:50]])
    assert two_nn(distances(twice)) == pytest.approx(two_nn(distances(points)), rel=0.1)


def test_of_copies_alone_nothing_is_known():
    assert np.isnan(two_nn(np.zeros((10, 20))))
    assert np.isnan(levina_bickel(np.zeros((10, 20))))


def test_levina_and_bickel_worked_by_hand():
    # log 4/1, log 4/2: mean (2 + 1) / 2 · log 2
    assert levina_bickel(np.array([[1.0, 2, 4]])) == pytest.approx(1 / (1.5 * np.log(2)))

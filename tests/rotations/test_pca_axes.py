import numpy as np

from mrl_search.rotations.pca import orthonormal, principal_axes, second_moment, signed


def test_the_moment_is_not_centred():
    # 3·3 + 4·4 and so on, with no mean taken off: two equal rows have no variance, but a moment
    rows = np.array([[3, 4], [3, 4]], np.float32)
    assert second_moment(rows).tolist() == [[18, 24], [24, 32]]


def test_the_moment_is_summed_over_blocks(monkeypatch):
    monkeypatch.setattr("mrl_search.rotations.pca._ROWS", 3)
    rows = np.random.default_rng(0).standard_normal((10, 4)).astype(np.float32)
    np.testing.assert_allclose(second_moment(rows), rows.astype(float).T @ rows, rtol=1e-5, atol=1e-5)


def test_the_strongest_axis_comes_first_and_points_where_its_largest_coordinate_is_positive():
    # length 5 along (-.6, -.8), length 1 across it
    rows = np.array([[-3, -4], [0.8, -0.6]], np.float32)
    np.testing.assert_allclose(principal_axes(second_moment(rows)), [[0.6, 0.8], [0.8, -0.6]], atol=1e-6)


def test_orthonormal_rows_stay_as_they_are_up_to_their_sign():
    rows = np.array([[0, -1, 0], [1, 0, 0]], np.float32)
    assert orthonormal(rows).tolist() == signed(rows.astype(float)).tolist() == [[0, 1, 0], [1, 0, 0]]

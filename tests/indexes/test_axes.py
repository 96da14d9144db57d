import numpy as np

from mrl_search.indexes import StoredVectors
from mrl_search.indexes.axes import Axes, Levels, principal


def test_axes_hold_what_they_should_of_the_length(stored):
    axes = principal(stored)
    held = np.square(axes.coordinates(stored.data))
    assert 0.95 < held.sum() / 3_000 < 0.97
    assert axes.skew < 1e-5


def test_what_axes_leave_is_the_rest_of_the_length():
    # of (.48, .36, .8) the first two axes hold .6, and leave .8
    axes = Axes(np.eye(2, 3, dtype=np.float32), np.zeros(2), np.ones(2))
    coordinates = axes.coordinates(np.array([[0.48, 0.36, 0.8]]))
    assert np.allclose(axes.left(coordinates, np.ones(1)), 0.8)


def test_a_code_is_that_of_the_nearest_level():
    levels = Levels(np.array([-1.0, 5.0]), np.array([0.5, 0.0]), 4)  # -1, -.5, 0, .5, and 5 alone
    coordinates = np.array([[-9.0, 5.0], [-0.7, 4.0], [0.2, 6.0], [9.0, 5.5]])
    assert levels.nearest(coordinates).tolist() == [[0, 0], [1, 0], [2, 1], [3, 0]]


def test_one_row_has_one_axis():
    axes = principal(StoredVectors(np.array([[0.6, 0.8]], np.float32), "float32"))
    assert axes.matrix.shape == (1, 2)
    assert np.allclose(np.abs(axes.matrix), [[0.6, 0.8]], atol=1e-6)


def test_rows_of_zeros_have_axes_too():
    assert len(principal(StoredVectors(np.zeros((3, 4), np.float32), "float32")).matrix) >= 1

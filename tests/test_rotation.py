import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.errors import RotationError
from mrl_search.rotation import Rotation, reflected
from mrl_search.vectors import unit


def orthogonal(dim, seed):
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    return matrix.astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 96), st.integers(0, 2**32 - 1))
def test_a_rotation_changes_no_full_width_cosine(dim, seed):
    vectors = unit(np.random.default_rng(seed).standard_normal((20, dim)).astype(np.float32))
    turned = Rotation(orthogonal(dim, seed), "any").apply(vectors)
    np.testing.assert_allclose(turned @ turned.T, vectors @ vectors.T, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 60), st.data())
def test_reflections_begin_with_the_given_axes_and_apply_as_the_matrix_does(dim, data):
    count = data.draw(st.integers(1, dim))
    seed = data.draw(st.integers(0, 2**32 - 1))
    axes = orthogonal(dim, seed)[:count].astype(np.float64)
    matrix = reflected(axes)
    np.testing.assert_allclose(np.abs(np.sum(matrix[:count] * axes, axis=1)), 1, atol=1e-6)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(dim), atol=1e-6)
    turn = Rotation(matrix.astype(np.float32), "any", count)
    assert (turn._compact is not None) == (2 * count < dim)
    vectors = unit(np.random.default_rng(seed).standard_normal((9, dim)).astype(np.float32))
    np.testing.assert_allclose(turn.apply(vectors), vectors @ turn.matrix.T, atol=1e-5)


def test_axes_that_stand_there_already_need_no_reflection():
    np.testing.assert_allclose(np.abs(reflected(np.eye(3, 7))), np.eye(7), atol=1e-12)


def test_a_matrix_that_is_not_of_so_few_reflections_is_applied_as_it_is():
    turn = Rotation(orthogonal(20, 3), "any", 4)
    assert turn._compact is None
    vectors = unit(np.ones((1, 20), np.float32))
    np.testing.assert_allclose(turn.apply(vectors), vectors @ turn.matrix.T)


@pytest.mark.parametrize("count", [0, 40])
def test_a_row_is_turned_as_if_it_were_alone(count):
    """Copies stay copies, wherever they stand; the naive way is one product for each row."""
    axes = orthogonal(300, 5)
    matrix = reflected(axes[:count].astype(np.float64)).astype(np.float32) if count else axes
    turn = Rotation(matrix, "any", count)
    vectors = unit(np.random.default_rng(1).standard_normal((37, 300)).astype(np.float32))
    vectors[[3, 36]] = vectors[17]
    turned = turn.apply(vectors)
    np.testing.assert_array_equal(turned, np.concatenate([turn.apply(row[np.newaxis]) for row in vectors]))
    np.testing.assert_allclose(turned, [matrix @ row for row in vectors], atol=1e-6)
    assert turn.apply(vectors[:0]).shape == (0, 300)


def test_rows_of_the_matrix_are_the_new_axes():
    turn = Rotation(np.array([[0, 1], [-1, 0]], np.float32), "any")
    assert turn.apply(np.array([[3, 5]], np.float32)).tolist() == [[5, -3]]


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.eye(3, 2, dtype=np.float32), r"square float32 matrix, found float32 of shape \(3, 2\)"),
        (np.eye(3), "square float32 matrix, found float64"),
        (2 * np.eye(3, dtype=np.float32), "must be orthogonal to 1e-05, this matrix is to 3"),
        (np.full((2, 2), np.nan, np.float32), "this matrix is to nan"),
    ],
)
def test_what_is_no_rotation_is_refused(matrix, reason):
    with pytest.raises(RotationError, match=reason):
        Rotation(matrix, "any")


@pytest.mark.parametrize("wrong", [np.nan, 2, 1e10])
@pytest.mark.parametrize("row", [0, 63])
def test_what_is_said_to_be_made_of_reflections_and_is_no_rotation_is_refused(row, wrong):
    matrix = reflected(orthogonal(64, 1)[:8].astype(np.float64)).astype(np.float32)
    matrix[row] *= wrong
    with pytest.raises(RotationError, match="must be orthogonal"):
        Rotation(matrix, "learned", 8)


def test_vectors_of_another_width_are_refused():
    with pytest.raises(RotationError, match="the rotation is of 3 dims, the vectors have 2"):
        Rotation(np.eye(3, dtype=np.float32), "any").apply(np.zeros((1, 2), np.float32))


def test_few_reflections_take_fewer_multiply_adds_than_the_matrix():
    axes = orthogonal(64, 1)[:8].astype(np.float64)
    matrix = reflected(axes).astype(np.float32)
    assert Rotation(matrix, "learned", 8).macs == 2 * 64 * 8 + 8 * 8
    assert Rotation(matrix, "learned").macs == 64 * 64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrl_search.errors import DimensionError, VectorsError
from mrl_search.vectors import load_vectors, prefix, unit


def test_a_prefix_is_cut_and_scaled_back_to_length_one():
    # the first two of (3, 4, 12) have length 5
    assert prefix(np.array([[3, 4, 12]], np.float32), 2).tolist() == [[np.float32(0.6), np.float32(0.8)]]


def test_a_prefix_of_zeros_stays_zero():
    assert prefix(np.array([[0, 0, 1]], np.float32), 2).tolist() == [[0, 0]]


def test_the_callers_vectors_are_left_alone():
    given_vectors = np.array([[3, 4]], np.float32)
    unit(given_vectors)
    assert given_vectors.tolist() == [[3, 4]]


@pytest.mark.parametrize("dim", [0, -1, 4])
def test_a_width_that_is_not_there_is_refused_with_both_numbers(dim):
    with pytest.raises(DimensionError, match=f"asked for the first {dim} of 3 dims"):
        prefix(np.ones((1, 3), np.float32), dim)


@given(st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_a_prefix_of_a_prefix_is_the_shorter_prefix(dim, seed):
    vectors = np.random.default_rng(seed).standard_normal((4, 16)).astype(np.float32)
    np.testing.assert_allclose(prefix(prefix(vectors, 16), dim), prefix(vectors, dim), atol=1e-6)


def test_vectors_load_without_a_copy(tmp_path):
    np.save(tmp_path / "v.npy", np.eye(3, dtype=np.float16))
    assert isinstance(load_vectors(tmp_path / "v.npy"), np.memmap)


@pytest.mark.parametrize(
    "array", [np.ones(3), np.ones((2, 2), int), np.empty((0, 4)), np.array([["a"]]), np.array([[{}]], dtype=object)]
)
def test_what_is_not_a_matrix_of_floats_is_refused(tmp_path, array):
    np.save(tmp_path / "v.npy", array, allow_pickle=True)
    with pytest.raises(VectorsError, match=r"v\.npy"):
        load_vectors(tmp_path / "v.npy")


@pytest.mark.parametrize("content", [b"", b"not numpy at all", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_not_npy_is_refused(tmp_path, content):
    (tmp_path / "v.npy").write_bytes(content)
    with pytest.raises(VectorsError, match=r"v\.npy is not an \.npy file"):
        load_vectors(tmp_path / "v.npy")


def test_a_file_without_a_row_says_so(tmp_path):
    np.save(tmp_path / "v.npy", np.empty((0, 4), np.float32))
    with pytest.raises(VectorsError, match=r"v\.npy holds no vectors, its shape is \(0, 4\)"):
        load_vectors(tmp_path / "v.npy")

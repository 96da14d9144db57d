import numpy as np
import pytest

from mrl_search.indexes.kernels import sum_rows, unsound


def summed(words, factors, first):
    """Row by row, in Python's integers."""
    return [
        (first + row + 1 + sum(int(word) * int(factor) for word, factor in zip(line, factors, strict=True))) % 2**64
        for row, line in enumerate(words)
    ]


@pytest.mark.parametrize("kind", ["u1", "<u2", "<u4"])
@pytest.mark.parametrize("width", [1, 7, 64, 131])
def test_sums_are_those_of_integers_and_the_first_row_that_differs_is_told(kind, width):
    rng = np.random.default_rng(width)
    words = rng.integers(0, np.iinfo(kind).max, (20, width), dtype=kind, endpoint=True)
    factors = rng.integers(0, 2**32, width, dtype=np.uint32) | np.uint32(1)
    sums, known = np.empty(20, np.uint64), np.zeros(20, np.bool_)
    sum_rows(words, factors, 5, sums)
    assert sums.tolist() == summed(words, factors, 5)
    sum_rows(words, factors, 0, sums)
    words[13, -1] ^= 1
    assert unsound(words, factors, sums, known, np.array([2, -1, 19])) == -1
    assert unsound(words, factors, sums, known, np.array([3, 13, 4])) == 13
    assert np.flatnonzero(known).tolist() == [2, 3, 19]


def test_a_row_beyond_the_end_is_refused():
    words, factors = np.zeros((2, 4), np.uint32), np.ones(4, np.uint32)
    with pytest.raises(IndexError, match="a row beyond the end"):
        unsound(words, factors, np.zeros(2, np.uint64), np.zeros(2, np.bool_), np.array([2]))

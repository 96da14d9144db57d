import numpy as np
import pytest

from mrl_search.geometry.moments import moments
from mrl_search.geometry.spectrum import collapsed, dims_holding, effective_rank, spectrum


def test_the_effective_rank_of_equal_singular_values_is_their_count():
    assert effective_rank(np.array([4.0, 4, 4, 0])) == pytest.approx(3)


def test_the_effective_rank_of_a_line_is_1():
    assert effective_rank(np.array([9.0, 0, 0])) == pytest.approx(1)


def test_the_effective_rank_is_the_entropy_of_singular_values_not_of_their_squares():
    # singular values 3 and 1: shares .75 and .25, entropy .75 log 4/3 + .25 log 4
    assert effective_rank(np.array([9.0, 1])) == pytest.approx(np.exp(0.75 * np.log(4 / 3) + 0.25 * np.log(4)))


def test_values_come_the_largest_first_and_none_below_0():
    found = spectrum(np.array([[1.0, 1], [1, 1]]))
    assert found.values.tolist() == pytest.approx([2, 0])
    assert (found.values >= 0).all()
    assert np.abs(found.axes[:, 0]).tolist() == pytest.approx([2**-0.5] * 2)


@pytest.mark.parametrize(("share", "dims"), [(0.5, 1), (0.6, 2), (0.9, 3), (1.0, 4)])
def test_dims_holding_counts_the_fewest_axes_with_the_share(share, dims):
    assert dims_holding(np.array([5.0, 3, 1, 1]), share) == dims


def test_directions_in_which_nothing_varies_are_collapsed():
    random = np.random.default_rng(0)
    points = random.standard_normal((300, 4)) @ random.standard_normal((4, 10))
    assert collapsed(spectrum(moments(points).covariance).values) == 6


def test_what_float32_leaves_of_a_direction_is_no_rank():
    rng = np.random.default_rng(0)
    points = np.outer(rng.standard_normal(2_000), rng.standard_normal(384)).astype(np.float32)
    values = spectrum(np.cov(points.T)).values
    assert effective_rank(values) == pytest.approx(1, abs=1e-9)
    assert effective_rank(np.zeros(4)) == dims_holding(np.zeros(4), 0.9) == 0

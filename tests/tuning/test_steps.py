"""Trained widths, told from what every coordinate carries."""

import numpy as np
import pytest
from planted import planted

from mrl_search.tuning.steps import carried, steps, usual


def test_what_coordinates_carry_is_their_part_of_the_variation_of_cosines():
    # the covariance is [[1, .5], [.5, .25]]: rows sum to 1.25 and .3125 in squares
    vectors = np.array([[1, 0.5], [-1, -0.5]])
    np.testing.assert_allclose(carried(vectors), [0.8, 0.2])
    assert carried(np.ones((3, 2))).tolist() == [0, 0]


@pytest.mark.parametrize("widths", [(32, 64, 128), (64,), (16, 128)])
@pytest.mark.parametrize("fall", [1.2, 2.0])
def test_planted_widths_are_found_and_no_others(widths, fall):
    assert tuple(step.dim for step in steps(carried(planted(256, widths, fall)))) == widths


def test_a_step_says_how_far_it_falls():
    # of independent dims, what is carried is the variance squared: half the scale, a sixteenth of it
    vectors = np.random.default_rng(0).standard_normal((20_000, 64)) * np.repeat([2, 1], 32)
    (step,) = steps(carried(vectors))
    assert (step.dim, step.falls) == (32, pytest.approx(16, rel=0.1))


def test_random_vectors_have_no_steps():
    assert steps(carried(np.random.default_rng(1).standard_normal((2_000, 256)))) == ()


def test_principal_axes_fall_but_not_in_steps():
    shares = 1 / np.arange(1.0, 257) ** 1.5
    assert steps(shares * np.exp(0.05 * np.random.default_rng(0).standard_normal(256))) == ()


def test_a_rise_is_no_trained_width():
    assert steps(carried(planted(256, (64,), 0.5))) == ()


def test_coordinates_that_never_vary_tell_nothing():
    assert steps(np.array([0.5] * 64 + [0.0] * 64)) == ()


def test_usual_widths_are_powers_of_two_and_multiples_of_64():
    assert usual(256) == [4, 8, 16, 32, 64, 128, 192]
    assert usual(20) == [4, 8, 16]

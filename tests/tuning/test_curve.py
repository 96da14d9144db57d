"""The fidelity curve."""

import numpy as np
import pytest
from planted import planted

from mrl_search.tuning.curve import curves, in_half_the_axes, sampled
from mrl_search.vectors import unit


def test_a_fifth_at_most_500_is_asked_and_candidates_go_with_the_size():
    sample = sampled(unit(np.random.default_rng(0).standard_normal((6_000, 8)).astype(np.float32)))
    assert (len(sample.queries), len(sample.documents), sample.candidates) == (500, 5_500, 100)
    sample = sampled(unit(np.random.default_rng(0).standard_normal((700, 8)).astype(np.float32)))
    assert (len(sample.queries), len(sample.documents), sample.candidates) == (140, 560, 14)


def test_prefixes_of_planted_vectors_beat_random_dims_and_axes():
    found = curves(sampled(planted(64, (16,), 2.0, rows=600)), [16])
    own, dims, axes = (curve[16][..., 0, :].mean() for curve in (found.own, found.dims, found.axes))
    assert own > dims + 0.05
    assert own > axes + 0.05
    assert found.dims[16].shape == (8, 2, 120)


def test_half_of_the_axes_hold_half_of_the_variance_of_noise_and_more_of_anything_else():
    random = np.random.default_rng(0)
    noise = unit(random.standard_normal((2_000, 32)).astype(np.float32))
    assert in_half_the_axes(sampled(noise)) == pytest.approx(0.5, abs=0.03)
    # variances 4 and 1 in equal parts: .8 of all in one half
    two = (random.standard_normal((4_000, 32)) * np.repeat([2, 1], 16)).astype(np.float32)
    assert in_half_the_axes(sampled(unit(two))) == pytest.approx(0.8, abs=0.03)

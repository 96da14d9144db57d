import numpy as np
import pytest

from mrl_search.geometry.weights import largest_angle, matrices


def weights(count=40, dim=30, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def test_a_change_of_rank_1_is_found_with_its_size():
    of = weights()
    step = np.outer(np.ones(40), np.eye(30)[3]).astype(np.float32)
    (found,) = matrices({"w": of}, {"w": of + 0.5 * step})
    assert found.change == pytest.approx(0.5 * np.sqrt(40) / np.linalg.norm(of))
    assert found.rank == pytest.approx(1, abs=1e-3)
    assert (found.name, found.full) == ("w", 30)


def test_a_matrix_scaled_as_a_whole_keeps_its_directions():
    of = weights()
    (found,) = matrices({"w": of}, {"w": 1.1 * of})
    assert found.change == pytest.approx(0.1, rel=1e-4)
    assert found.angle == pytest.approx(0, abs=1e-3)


def test_angles_of_planes_are_in_degrees():
    x, y, z = np.eye(3)
    tilted = np.cos(np.pi / 6) * y + np.sin(np.pi / 6) * z
    assert largest_angle(np.stack([x, y], axis=1), np.stack([x, tilted], axis=1)) == pytest.approx(30)


def test_what_did_not_change_and_what_is_no_matrix_is_left_out():
    of = weights()
    assert matrices({"w": of, "bias": of[0]}, {"w": of.copy(), "bias": of[0] + 1}) == ()

import numpy as np

from mrl_search.rotations.chance import by_chance
from mrl_search.vectors import prefix, unit

ROWS = unit(np.random.default_rng(0).standard_normal((50, 64)).astype(np.float32))


def test_random_axes_mix_all_coordinates_alike():
    turned = by_chance("random", 64, 0)
    assert np.abs(turned.matrix).max() < 0.7
    along_first = [by_chance("random", 8, seed).matrix[0, 0] for seed in range(2000)]
    assert abs(np.mean(along_first)) < 0.03  # either sign as often
    assert abs(np.var(along_first) - 1 / 8) < 0.02
    np.testing.assert_allclose(turned.apply(ROWS) @ turned.apply(ROWS).T, ROWS @ ROWS.T, atol=1e-5)


def test_permuted_axes_are_the_old_ones_in_another_order():
    turned = by_chance("permuted", 64, 0).apply(ROWS)
    np.testing.assert_array_equal(np.sort(turned, axis=1), np.sort(ROWS, axis=1))
    assert not np.array_equal(prefix(turned, 8), prefix(ROWS, 8))


def test_a_seed_gives_the_same_axes_again_and_another_one_others():
    for kind in ("random", "permuted"):
        first, again, other = (by_chance(kind, 16, seed).matrix for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

from itertools import permutations

import numpy as np
import pytest

from mrl_search.geometry.similarity import _gram, _hsic, cca, cka, procrustes, shared_neighbours


def cloud(count=400, dim=12, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def turned(rows, seed=9):
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((rows.shape[1],) * 2))
    return (rows @ axes).astype(np.float32)


def test_the_same_cloud_in_other_axes_is_alike_by_all_measures():
    rows = cloud()
    assert cka(rows, 3 * turned(rows) + 1) == pytest.approx(1, abs=1e-5)
    assert procrustes(rows, 3 * turned(rows) + 1) == pytest.approx(0, abs=1e-5)
    assert shared_neighbours(rows, turned(rows)) > 0.999
    assert cca(rows, turned(rows)) == pytest.approx(1, abs=1e-4)


def test_unrelated_clouds_are_not_alike_however_few_the_rows():
    one, other = cloud(60, 200), cloud(60, 200, seed=1)
    biased = np.square(one.T @ other).sum() / np.sqrt(np.square(one.T @ one).sum() * np.square(other.T @ other).sum())
    assert biased > 0.5
    assert abs(cka(one, other)) < 0.1
    assert abs(cca(one, other)) < 0.1


def test_the_unbiased_hsic_is_its_u_statistic():
    # Song et al. 2012, eq. 4, over all tuples of different rows
    one, other = _gram(cloud(6, 3)), _gram(cloud(6, 2, seed=1))
    first = np.mean([one[i, j] * other[i, j] for i, j in permutations(range(6), 2)])
    second = np.mean([one[i, j] * other[q, r] for i, j, q, r in permutations(range(6), 4)])
    third = np.mean([one[i, j] * other[i, q] for i, j, q in permutations(range(6), 3)])
    assert _hsic(one, other) == pytest.approx(first + second - 2 * third)


def test_procrustes_of_two_lines_worked_by_hand():
    # centred and of norm 1: (1, -1) / √2 along x; and 0 in the second, whose rows differ along another dim by as much
    one, other = np.array([[1, 0], [-1, 0]], np.float32), np.array([[0, 1], [0, -1]], np.float32)
    assert procrustes(one, other) == pytest.approx(0, abs=1e-6)
    square = (
        np.array([[1, 0], [-1, 0], [0, 0], [0, 0]], np.float32),
        np.array([[0, 0], [0, 0], [1, 0], [-1, 0]], np.float32),
    )
    assert procrustes(*square) == pytest.approx(2)


def test_a_prefix_is_found_in_a_space_that_holds_it_and_half_of_it_in_one_that_holds_half():
    rows = cloud(2_000, 12)
    assert cca(rows[:, :4], turned(rows)) == pytest.approx(1, abs=1e-4)
    half = np.concatenate([rows[:, :2], cloud(2_000, 10, seed=3)], axis=1)
    assert cca(rows[:, :4], turned(half)) == pytest.approx(0.5, abs=0.05)


def test_of_neighbours_that_differ_none_are_shared():
    assert shared_neighbours(cloud(2_000, 30), cloud(2_000, 30, seed=1)) < 0.02

import numpy as np
import pytest

from mrl_search.geometry.copies import SAME, distinct, knotted, tied
from mrl_search.vectors import unit


def rows(count=700, dim=6):
    return unit(np.random.default_rng(0).standard_normal((count, dim)).astype(np.float32))


def test_a_copy_is_left_out_and_the_first_of_it_stays_in_whatever_block_they_stand():
    points = rows()
    points[[5, 600, 650]] = points[3]
    points[699] = points[640]
    assert np.flatnonzero(~distinct(points)).tolist() == [5, 600, 650, 699]


def test_the_same_text_in_another_batch_is_a_copy_and_a_row_that_lies_three_times_as_far_is_none():
    points = rows()
    points[1] = points[0] + np.float32(0.3 * SAME)
    points[3] = points[2] + np.float32(3 * SAME)
    assert np.flatnonzero(~distinct(points)).tolist() == [1]


def test_zeros_are_copies_of_each_other():
    assert distinct(np.zeros((4, 3), np.float32)).tolist() == [True, False, False, False]


def test_rows_that_coincide_are_those_whose_nearest_is_no_distance_away():
    assert tied(np.array([[0.0, 1], [1e-6, 1], [1e-3, 1]])) == 2


def test_a_knot_is_two_near_copies_or_three():
    apart = np.array([[0.01, 0.5, 0.6], [0.01, 0.02, 0.6], [0.4, 0.5, 0.6]])
    assert knotted(apart, 10) == 2


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_points_of_a_manifold_have_no_knots_but_by_chance(dim):
    from sklearn.neighbors import NearestNeighbors

    points = np.random.default_rng(dim).random((2_000, dim))
    apart = NearestNeighbors(n_neighbors=21).fit(points).kneighbors(points)[0][:, 1:]
    assert knotted(apart, dim) == 0

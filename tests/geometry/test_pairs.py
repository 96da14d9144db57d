import numpy as np
import pytest

from mrl_search.geometry.pairs import alignment, hubness, nearest_drawn, overlap, pairs, rank_correlation, skewness
from mrl_search.vectors import unit

ONCE = np.ones((1, 3))


def rows(count=700, dim=6, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32))


def test_uniformity_of_three_points_worked_by_hand():
    points = np.array([[1, 0], [-1, 0], [0, 1]], np.float32)
    # squared distances 4, 2, 2
    expected = np.log((np.exp(-8) + 2 * np.exp(-4)) / 3)
    assert pairs(points, ONCE).uniformity.tolist() == pytest.approx([expected], abs=1e-6)


def test_uniformity_of_one_point_many_times_is_0_the_worst():
    points = np.tile(np.array([[0.6, 0.8]], np.float32), (3, 1))
    assert pairs(points, ONCE).uniformity.tolist() == pytest.approx([0], abs=1e-6)


def test_uniformity_of_even_points_on_a_circle_is_that_of_the_circle():
    # E exp(4 cos θ - 4) = I₀(4) e⁻⁴, of a uniform angle
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 3_000)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert pairs(points, np.ones((1, 3_000))).uniformity[0] == pytest.approx(np.log(np.i0(4)) - 4, abs=0.01)


def test_a_redraw_of_uniformity_weighs_rows_and_leaves_pairs_of_a_row_with_itself_out():
    points = rows(600)
    weights = np.zeros((1, 600))
    weights[0, [3, 599]] = 2, 1
    apart = np.square(points[3] - points[599]).sum()
    assert pairs(points, weights).uniformity.tolist() == pytest.approx([-2 * apart], abs=1e-5)


def test_neighbours_are_the_nearest_others_the_nearest_first_as_a_full_sort_finds_them():
    points = rows()
    found = pairs(points, np.ones((1, 700)), k=5)
    apart = np.linalg.norm(points[:, None].astype(float) - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert found.rows.tolist() == np.argsort(apart, axis=1)[:, :5].tolist()
    np.testing.assert_allclose(found.distances, np.sort(apart, axis=1)[:, :5], rtol=1e-6)


def test_a_copy_is_at_distance_0_whatever_its_cosine_rounds_to():
    points = rows(200, 64)
    points[7] = points[3]
    assert pairs(points, np.ones((1, 200))).distances[3, 0] == 0


def test_few_rows_have_fewer_neighbours():
    assert pairs(rows(4), np.ones((1, 4))).rows.shape == (4, 3)


def test_alignment_is_the_mean_squared_distance_of_pairs():
    first = np.array([[1, 0], [0, 1]], np.float32)
    second = np.array([[1, 0], [1, 0]], np.float32)
    assert alignment(first, second, np.array([[1.0, 1], [0, 2]])).tolist() == [1.0, 2.0]


def test_overlap_counts_shared_neighbours_whatever_their_order():
    ours, theirs = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[3, 1, 9], [7, 8, 9]])
    assert overlap(ours, theirs, 2).tolist() == [0.5, 0.0]
    assert overlap(ours, theirs, 3).tolist() == pytest.approx([2 / 3, 0])


def test_rank_correlation_is_spearman_s():
    from scipy.stats import spearmanr

    ours, theirs = rows(40), rows(40, seed=1)
    found = [pairs(points, np.ones((1, 40))).ranks for points in (ours, theirs)]
    naive = [
        spearmanr(*(np.delete(points[row] @ points.T, row) for points in (ours, theirs))).statistic for row in range(40)
    ]
    assert rank_correlation(*found, np.ones(40, bool)) == pytest.approx(naive, abs=1e-6)


def test_rank_correlation_of_some_is_that_of_the_places_they_have_among_all():
    points, others = rows(40), rows(40, seed=1)
    drawn = np.arange(40) % 2 == 0
    ours, theirs = (pairs(each, np.ones((1, 40))).ranks[drawn] for each in (points, others))
    naive = [
        np.corrcoef(np.delete(one[drawn], place), np.delete(other[drawn], place))[0, 1]
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True))
    ]
    assert rank_correlation(ours, theirs, drawn) == pytest.approx(naive, abs=1e-6)


def test_ranks_of_the_same_rows_agree_fully_and_of_reversed_ones_not_at_all():
    found = pairs(rows(), np.ones((1, 700))).ranks
    every = np.ones(700, bool)
    assert found.shape == (500, 700)
    assert rank_correlation(found, found, every) == pytest.approx(np.ones(500))
    assert rank_correlation(found, -found, every) == pytest.approx(-np.ones(500))


def test_neighbours_among_some_rows_are_those_of_a_sort_of_them_alone():
    points = rows(300)
    drawn = np.random.default_rng(1).random(300) < 0.5
    found = pairs(points, np.ones((1, 300)))
    known, near = nearest_drawn(found, drawn, 5)
    assert known.sum() == drawn.sum()
    alone = np.flatnonzero(drawn)
    apart = np.linalg.norm(points[alone][:, None].astype(float) - points[alone][None], axis=2)
    np.fill_diagonal(apart, np.inf)
    wanted = alone[np.argsort(apart, axis=1)[:, :5]]
    assert found.rows[known][near[known]].reshape(-1, 5).tolist() == wanted.tolist()


def test_ranks_are_of_rows_evenly_over_all_for_the_sample_may_be_in_the_corpus_s_order():
    points = rows()
    found = pairs(points, np.ones((1, 700))).ranks
    for place in (0, 250, 499):
        row = np.linspace(0, 699, 500).astype(int)[place]
        naive = np.argsort(np.argsort(np.delete(points[row] @ points.T, row))) + 1 - 350
        assert np.delete(found[place], row).tolist() == naive.tolist()
        assert found[place, row] == 0


def test_hubness_is_the_skewness_of_how_often_rows_are_neighbours():
    neighbours = np.array([[1], [0], [0], [0]])  # N = 3, 1, 0, 0: mean 1, variance 1.5, third moment 1.5
    assert hubness(neighbours, 4, 1) == pytest.approx(1.5 / 1.5**1.5)


def test_where_all_are_neighbours_equally_often_there_is_no_hub():
    assert skewness(np.array([2.0, 2, 2])) == 0.0


def test_rows_that_lie_nearer_to_the_mean_than_others_are_hubs_and_even_rows_have_none():
    # Radovanović et al. 2010, §4.2
    even = rows(1_000, 100)
    some = np.random.default_rng(1).exponential(0.3, (1_000, 1)).astype(np.float32)
    found = [hubness(pairs(points, np.ones((1, 1_000))).rows, 1_000) for points in (even, unit(even + some * even[0]))]
    assert found[0] < 0.5
    assert found[1] > 1.5

import numpy as np
import pytest

from mrl_search.geometry.measuring import (
    ALIGNMENT,
    CORRELATION,
    COSINE,
    HUBNESS,
    ISOSCORE,
    MLE,
    ORDER,
    OVERLAP,
    RANK,
    RANKME,
    TWO_NN,
    aligned_pairs,
    neighbourhood,
    spread,
)
from mrl_search.geometry.redraws import REDRAWN, reach
from mrl_search.vectors import unit


def cloud(count=1_500, dim=16, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32))


def test_of_even_rows_everything_is_even_at_every_width():
    found = spread(cloud(), (4, 16))
    for dim in (4, 16):
        assert found.redrawn[ISOSCORE, dim][0] == pytest.approx(1, abs=0.02)
        assert found.redrawn[RANK, dim][0] == pytest.approx(dim, rel=0.01)
        assert found.redrawn[CORRELATION, dim][0] < 0.04
        assert len(found.redrawn[ISOSCORE, dim]) == 1 + REDRAWN
    assert found.spectrum.sum() == pytest.approx(1)


def test_a_common_mean_lowers_rankme_and_not_the_effective_rank():
    found = spread(unit(cloud() + 2), (16,)).redrawn
    assert found[RANKME, 16][0] < 0.9 * found[RANK, 16][0]


def test_collapse_is_counted_at_each_width():
    flat = cloud(dim=3) @ np.random.default_rng(1).standard_normal((3, 12)).astype(np.float32)
    found = spread(unit(flat + 0), (2, 12)).collapse
    assert [each.collapsed for each in found] == [0, 9]
    assert found[1].of_99 <= 3


def test_the_full_width_s_neighbours_are_all_its_own_and_prefixes_have_fewer():
    found = neighbourhood(cloud(), (2, 8, 16)).redrawn
    assert found[OVERLAP, 16].tolist() == [1.0] * (1 + REDRAWN)
    assert found[ORDER, 16][0] == 1
    assert found[OVERLAP, 2][0] < found[OVERLAP, 8][0] < 1
    assert found[ORDER, 2][0] < found[ORDER, 8][0] < 1


def test_even_rows_have_one_dim_less_than_their_space_and_cosines_about_0():
    found = neighbourhood(cloud(3_000, 4), (4,)).redrawn
    assert found[TWO_NN, 4][0] == pytest.approx(3, rel=0.1)
    assert found[COSINE, 4][0] == pytest.approx(0, abs=2 * reach(found[COSINE, 4]))


def test_the_interval_holds_what_other_rows_give():
    ours, theirs = (neighbourhood(cloud(1_000, 8, seed), (8,)).redrawn[TWO_NN, 8] for seed in (1, 2))
    assert abs(ours[0] - theirs[0]) < 2 * (reach(ours) + reach(theirs))


def test_pairs_are_compared_at_unit_length_at_each_width():
    first, second = np.array([[0.6, 0.8], [1, 0]], np.float32), np.array([[0.8, 0.6], [1, 0]], np.float32)
    found = aligned_pairs(first, second, (1, 2))
    assert found[ALIGNMENT, 1][0] == 0  # both prefixes are 1
    assert found[ALIGNMENT, 2][0] == pytest.approx(0.04)  # (.04 + .04 + 0) / 2


def test_where_a_tenth_of_the_rows_coincide_who_is_nearest_is_chance_and_is_not_told():
    points = cloud(600, 16)
    points[:50, :4] = points[0, :4]  # a twelfth
    few = neighbourhood(unit(points), (4, 16))
    points[:100, :4] = points[0, :4]
    many = neighbourhood(unit(points), (4, 16))
    assert (few.ties, many.ties) == ({4: 50, 16: 0}, {4: 100, 16: 0})
    assert np.isfinite([few.redrawn[name, 4] for name in (TWO_NN, MLE, HUBNESS)]).all()
    assert np.isnan([many.redrawn[name, 4] for name in (TWO_NN, MLE, HUBNESS)]).all()
    assert np.isfinite(many.redrawn[TWO_NN, 16]).all()


def test_intervals_are_as_wide_as_samples_vary():
    # of the neighbours' measures too, of which a bootstrap of rows that keep their neighbours tells half
    random = np.random.default_rng(0)
    samples = []
    for _ in range(12):
        rows = random.standard_normal((400, 24)) * np.geomspace(1, 0.2, 24) + 0.3
        samples.append(unit(rows.astype(np.float32)))
    found = [spread(rows, (8, 24)).redrawn | neighbourhood(rows, (8, 24)).redrawn for rows in samples]
    for measure in (ISOSCORE, RANK, MLE, OVERLAP, ORDER, COSINE, TWO_NN):
        told = np.mean([reach(each[measure, 8]) for each in found])
        varied = 1.96 * np.std([each[measure, 8][0] for each in found], ddof=1)
        assert 0.6 < told / varied < 1.8, measure

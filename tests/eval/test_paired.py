from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from mrl_search.eval import Difference, holm, paired, paired_rows, redraws, resampled
from mrl_search.eval.paired import intervals, shares, verdict


def test_interval_and_p_value_agree_with_the_t_test_where_that_holds():
    random = np.random.default_rng(1)
    first = random.random(400)
    second = first + random.normal(0.01, 0.1, 400)
    found, theirs = paired(first, second, 0.01), stats.ttest_rel(second, first)
    low, high = theirs.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.001)
    assert found.p_different == pytest.approx(theirs.pvalue, abs=0.01)
    assert paired(first, second, 0.01) == found


def test_all_is_as_scipy_says_and_a_row_is_the_same_in_whatever_company():
    random = np.random.default_rng(5)
    rows = random.normal([[0.0], [0.01], [0.05]], 0.1, (3, 120))
    found = paired_rows(rows, 0.02)
    for row, one in zip(rows, found, strict=True):
        signs = stats.permutation_test((row,), np.mean, permutation_type="samples", vectorized=True, rng=random)
        drawn = stats.bootstrap((row,), np.mean, method="percentile", rng=random)
        assert one.p_different == pytest.approx(signs.pvalue, abs=0.02)
        assert (one.low, one.high) == pytest.approx(tuple(drawn.confidence_interval), abs=0.002)
        assert astuple(one) == pytest.approx(astuple(paired_rows([row], 0.02)[0]))


def test_of_few_queries_all_signs_are_tried():
    assert paired([0, 0, 0, 0], [0.1, 0.2, 0.1, 0.3], 0.01).p_different == 2 / 16
    assert paired([0, 0, 0, 0], [0.1, 0.1, 0.1, 0.1], 0.01).p_different == 2 / 16


def test_a_difference_of_the_detectable_size_is_found_four_times_of_five():
    random = np.random.default_rng(4)
    true = paired(np.zeros(300), random.normal(0, 0.1, 300), 0.01).detectable
    assert true == pytest.approx(2.8 * 0.1 / np.sqrt(300), rel=0.1)
    found = [stats.ttest_1samp(random.normal(true, 0.1, 300), 0).pvalue < 0.05 for _ in range(400)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)


def test_equivalence_is_the_larger_of_two_one_sided_tests():
    random = np.random.default_rng(2)
    first = random.random(200)
    second = first + random.normal(0.001, 0.02, 200)
    above = stats.ttest_1samp(second - first, -0.01, alternative="greater").pvalue
    below = stats.ttest_1samp(second - first, 0.01, alternative="less").pvalue
    found = paired(first, second, 0.01)
    assert found.p_equivalent == pytest.approx(max(above, below))
    assert found.p_equivalent < 0.05


def test_lists_that_do_not_differ_are_equal_and_those_that_differ_by_a_constant_are_not():
    values = [0.1, 0.5, 0.9]
    assert paired(values, values, 0.01) == Difference(0.0, 0.0, 0.0, 1.0, pytest.approx(0.99**3), 0.01)
    assert paired(values * 100, values * 100, 0.01).p_equivalent < 0.05  # of 300 queries that is as good
    moved = paired([0.0, 0.5, 1.0], [0.25, 0.75, 1.25], 0.01)
    assert (moved.mean, moved.p_different, moved.p_equivalent) == (0.25, 0.25, 1.0)


def test_a_clear_difference_is_found_in_a_family_of_any_size():
    worse = np.full(300, -0.5) + np.random.default_rng(0).normal(0, 0.1, 300)
    found = paired_rows(np.tile(worse, (600, 1)), 0.01)
    assert holm([one.p_different for one in found])[0] < 0.05


def test_a_bootstrap_of_a_mean_agrees_with_the_t_test():
    random = np.random.default_rng(3)
    differences = random.normal(0.02, 0.1, 300)
    found = resampled(redraws(300) @ differences / 300, float(differences.mean()), 0.05)
    t = paired(np.zeros(300), differences, 0.05)
    assert (found.mean, found.low, found.high) == pytest.approx((t.mean, t.low, t.high), abs=0.002)
    assert found.p_equivalent == pytest.approx(t.p_equivalent, abs=0.01)


def test_no_p_of_resamples_is_zero():
    found = resampled(np.full(99, 0.5), 0.5, 0.01)
    assert (found.p_different, found.p_equivalent) == (2 / 100, 1.0)
    assert resampled(np.zeros(99), 0.0, 0.01).p_equivalent == 1 / 100


def test_holm_multiplies_the_smallest_by_all_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_share_is_a_ratio_of_means_with_a_paired_interval():
    full = 0.5 + 0.4 * np.sin(np.arange(200))
    same, half, nothing = shares([full, full / 2, full], [full, full, 0 * full])
    assert (same.share, same.low, same.high) == (1.0, 1.0, 1.0)
    assert (half.share, half.low, half.high) == pytest.approx((0.5, 0.5, 0.5))  # no noise: the pairs move together
    assert nothing is None


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(1)
    base = random.uniform(0.2, 1, (60, 100))
    values = base * random.normal(0.9, 0.3, (60, 100))
    assert sum(found.low <= 0.9 <= found.high for found in shares(values, base)) >= 52  # 95 % of 60 is 57
    assert sum(low <= 0.54 <= high for low, high in intervals(values)) >= 52


def test_a_verdict_says_what_the_tests_say_and_no_more():
    worse = Difference(-0.02, -0.03, -0.01, 0.001, 0.9, 0.01)
    same = Difference(-0.001, -0.002, 0.0, 0.2, 0.01, 0.01)
    assert [
        verdict(worse, 0.01),
        verdict(worse, 0.2),
        verdict(same, 0.4),
        verdict(same, 0.04),
        verdict(None, None),
    ] == [
        "worse",
        "unclear",
        "as good",
        "worse, but as good",
        "–",
    ]


def test_few_queries_that_differ_are_no_better_a_proof_of_equality_than_none():
    alike = np.zeros(225)
    one = alike.copy()
    one[7] = 0.01
    assert paired(alike, alike, 0.01).p_equivalent == pytest.approx(0.99**225)
    assert paired(alike, one, 0.01).p_equivalent == pytest.approx((1 - (0.01 - 0.01 / 225)) ** 225)
    many = alike.copy()
    many[:30] = 0.01
    assert paired(alike, many, 0.01).p_equivalent < 1e-6

import numpy as np
import pytest
from scipy import stats

from mrl_search.eval import Difference, holm, paired, resampled


def test_interval_and_p_value_agree_with_the_t_test_where_that_holds():
    random = np.random.default_rng(1)
    first = random.random(400)
    second = first + random.normal(0.01, 0.1, 400)
    found, theirs = paired(first, second, 0.01), stats.ttest_rel(second, first)
    low, high = theirs.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.001)
    assert found.p_different == pytest.approx(theirs.pvalue, abs=0.01)
    assert paired(first, second, 0.01) == found


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
    assert paired(values, values, 0.01) == Difference(0.0, 0.0, 0.0, 1.0, 0.0, 0.01)
    moved = paired([0.0, 0.5, 1.0], [0.25, 0.75, 1.25], 0.01)
    assert (moved.mean, moved.p_different, moved.p_equivalent) == (0.25, 0.25, 1.0)


def test_a_bootstrap_of_a_mean_agrees_with_the_t_test():
    random = np.random.default_rng(3)
    differences = random.normal(0.02, 0.1, 300)
    found = resampled(lambda some: float(differences[some].mean()), 300, 0.05)
    t = paired(np.zeros(300), differences, 0.05)
    assert (found.mean, found.low, found.high) == pytest.approx((t.mean, t.low, t.high), abs=0.002)
    assert found.p_equivalent == pytest.approx(t.p_equivalent, abs=0.01)


def test_holm_multiplies_the_smallest_by_all_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []

import numpy as np
import pytest
from scipy import stats

from mrl_search.eval import Difference, paired, resampled


def test_the_interval_and_p_value_are_those_of_the_paired_t_test():
    random = np.random.default_rng(1)
    first = random.random(40)
    second = first + random.normal(0.05, 0.1, 40)
    found, theirs = paired(first, second, 0.01), stats.ttest_rel(second, first)
    low, high = theirs.confidence_interval(0.95)
    assert (found.low, found.high, found.p_different) == pytest.approx((low, high, theirs.pvalue))


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
    assert (moved.mean, moved.p_different, moved.p_equivalent) == (0.25, 0.0, 1.0)


def test_a_bootstrap_of_a_mean_agrees_with_the_t_test():
    random = np.random.default_rng(3)
    differences = random.normal(0.02, 0.1, 300)
    found = resampled(lambda some: float(differences[some].mean()), 300, 0.05)
    t = paired(np.zeros(300), differences, 0.05)
    assert (found.mean, found.low, found.high) == pytest.approx((t.mean, t.low, t.high), abs=0.002)
    assert found.p_equivalent == pytest.approx(t.p_equivalent, abs=0.01)

"""How a bench looks for candidates."""

import pytest

from mrl_search.tuning.points import _first, _ladder


def test_counts_grow_by_at_least_one_to_the_most():
    assert _ladder(2, 8) == [2, 3, 4, 5, 6, 7, 8]
    assert _ladder(10, 30) == [10, 12, 14, 16, 18, 21, 24, 28, 30]
    assert _ladder(5, 5) == [5]


@pytest.mark.parametrize("start", [0, 3, 7])
def test_the_first_count_that_is_enough_is_found_with_few_looks(start):
    counts = list(range(100, 200))
    for first in range(start, 100):
        looked = []

        def enough(count, first=first, looked=looked):
            looked.append(count)
            return count >= 100 + first

        assert _first(counts, enough, start) == first
        assert len(looked) <= 15
    assert _first(counts, lambda count: False, start) is None

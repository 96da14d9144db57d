"""How a bench looks for candidates."""

import numpy as np
import pytest
from planted import planted

from mrl_search.funnel import Funnel
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix
from mrl_search.tuning.asked import Asked, Lists
from mrl_search.tuning.points import Bench, _first, _ladder


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


def test_where_no_answer_was_lost_some_may_be_unless_everything_is_compared():
    vectors = planted(32, (8,), 1.5, rows=300)
    index = VectorIndex(StoredVectors(vectors, "float32"))
    queries = vectors[:50]
    true = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    asked = Asked(queries, np.full(50, -1), "queries")
    bench = Bench(
        VectorIndex(index.stored, build_prefix(index.stored, 8, Codec("Flat"))),
        "Flat",
        asked,
        Lists({32: true}, 10, 300),
        None,
    )
    scanned, everything = bench.points([(None, Funnel.parse("8:300,32:10")), (None, Funnel.parse("32:10"))])
    assert scanned.recall.value == everything.recall.value == 1
    # of 50 queries, did .0711 lose all, none would be seen with a probability of .9289^50 = .025; exp(-.0738 · 50) is
    assert scanned.recall.low == pytest.approx(1 - 0.0738, abs=1e-4)
    assert everything.recall.low == 1

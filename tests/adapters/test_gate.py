import numpy as np
import pytest
from spectrum import drawn

from mrl_search.adapter import Adapter, Fitted
from mrl_search.adapters import Material, judged
from mrl_search.adapters.gate import NEIGHBOURS, PAIRS
from mrl_search.vectors import unit


def linear(matrix):
    return Adapter(Fitted("linear-mrl", len(matrix), (1,), "x"), {"matrix": np.asarray(matrix, np.float32)})


def test_pairs_are_judged_by_the_reciprocal_rank_of_their_own_positive():
    queries = np.eye(3, dtype=np.float32)
    positives = unit(np.array([[1, 0, 0], [1, 0.5, 0], [0, 0, 1]], np.float32))  # the second ranks first for q2 as well
    found = judged(linear(np.diag([1, 0, 1])), Material(queries[:0], queries, positives))
    # frozen: every positive ranks first (for the first query 1 against .894); adapted: the second query is a row of
    # zeros, ties with all three, and so ranks third
    assert found[:3] == (PAIRS, 1.0, pytest.approx((1 / 2 + 1 / 3 + 1) / 3))
    assert not found.passes
    assert "0.6111, frozen 1.0000 (3 asked; may lose 0.01)" in str(found)


def test_documents_are_judged_by_the_neighbours_they_keep():
    documents = drawn(200, 0)
    held_out = Material(documents, documents[:0], documents[:0])
    turned = judged(linear(np.eye(16)[::-1]), held_out)
    assert turned[:3] == (NEIGHBOURS, 1.0, 1.0)
    assert turned.passes
    worse = judged(linear(np.diag([1.0] * 8 + [0.0] * 8)), held_out)
    assert not worse.passes
    assert judged(linear(np.diag([1.0] * 8 + [0.0] * 8)), held_out, margin=1.0).passes

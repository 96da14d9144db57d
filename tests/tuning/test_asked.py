"""What is asked, and what the exact answers to it are."""

import numpy as np
import pytest
from planted import planted

from mrl_search.builder import BuildOptions, build
from mrl_search.indexes import open_index
from mrl_search.tuning.asked import DOCUMENTS, Asked, fewest, lists, ranks, sampled_documents, shares


@pytest.fixture
def stored(corpus, tmp_path):
    np.save(tmp_path / "v.npy", planted(32, (8,), 1.5, rows=600))
    source = corpus(*({"_id": str(row), "text": "x"} for row in range(600)))
    index = open_index(build(source, tmp_path / "i", dims=(8, 32), options=BuildOptions(vectors=tmp_path / "v.npy")))
    yield index
    index.close()


def test_the_rank_of_an_answer_is_its_place_in_the_list():
    assert ranks(np.array([[7, 5, 3]]), np.array([[5, 9, 7]])).tolist() == [[3, 1, np.inf]]
    assert shares(np.array([[7, 5], [1, 2]]), np.array([[5, 9, 7], [1, 8, 9]])).tolist() == [1.0, 0.5]


def test_a_query_s_own_row_is_taken_out_of_its_list_or_else_the_last():
    asked = Asked(np.zeros((2, 4), np.float32), np.array([4, 9]), DOCUMENTS)
    assert asked.without_own(np.array([[1, 4, 2], [1, 2, 3]])).tolist() == [[1, 2], [1, 2]]
    held_out = Asked(np.zeros((1, 4), np.float32), np.array([-1]), "queries.jsonl")
    assert held_out.without_own(np.array([[1, 4, -1]])).tolist() == [[1, 4, -1]]


def test_the_lists_are_the_exact_order_by_every_width_without_the_row_itself(stored):
    asked = sampled_documents(stored, 30)
    found = lists(stored, asked, [8], 5, 40)
    vectors = np.asarray(stored.vectors.stored.data)
    for query, row in enumerate(asked.own.tolist()):
        cosines = vectors @ vectors[row]
        cosines[row] = -2
        assert set(found.true[query].tolist()) == set(np.argsort(-cosines)[:5].tolist())
    assert found.by[8].shape == (30, 40)
    assert not (found.by[8] == asked.own[:, None]).any()


def test_the_fewest_candidates_hold_the_share_surely():
    # all answers at place 3: three are enough, without any doubt
    assert fewest(np.full((50, 2), 3.0), 0.99) == 3
    # one query in ten has its answers at place 8: .9 on average at 3, which is not surely .9
    places = np.full((50, 2), 3.0)
    places[::10] = 8
    assert fewest(places, 0.9) == 8
    assert fewest(places, 0.8) == 3
    assert fewest(np.full((50, 2), np.inf), 0.5) is None

import numpy as np
import pytest

from mrl_search.eval.measures import per_query
from mrl_search.geometry.ranking import blocks, degrading, ndcg, ndcg_without
from mrl_search.run import Run, ScoredDoc
from mrl_search.vectors import unit


def planted(queries=60, documents=400, dim=12, seed=0):
    """Each query's one relevant document is like it in all dims but the last, where documents are loud at random."""
    random = np.random.default_rng(seed)
    found = random.standard_normal((documents, dim))
    asked = found[:queries] + 0.6 * random.standard_normal((queries, dim))
    found[:, -1], asked[:, -1] = (3 * random.standard_normal(count) for count in (documents, queries))
    gains = np.zeros((queries, documents), np.float32)
    gains[np.arange(queries), np.arange(queries)] = 1
    return unit(asked.astype(np.float32)), unit(found.astype(np.float32)), gains


def test_ndcg_worked_by_hand():
    scores = np.array([[0.9, 0.8, 0.7, 0.1]], np.float32)
    gains = np.array([[0, 2, 0, 1]], np.float32)
    # gains at ranks 2 and 4; ideally 2 and 1 at ranks 1 and 2
    expected = (2 / np.log2(3) + 1 / np.log2(5)) / (2 + 1 / np.log2(3))
    assert ndcg(scores, gains).tolist() == pytest.approx([expected])


def test_ndcg_agrees_with_trec_eval_s():
    random = np.random.default_rng(0)
    scores = random.standard_normal((20, 50)).astype(np.float32)
    gains = (random.random((20, 50)) < 0.1) * random.integers(1, 4, (20, 50)).astype(np.float32)
    gains[:, 0] = 1
    ranking = {
        str(query): [ScoredDoc(str(row), float(scores[query, row])) for row in np.argsort(-scores[query])]
        for query in range(20)
    }
    qrels = {
        str(query): {str(row): int(grade) for row, grade in enumerate(gains[query]) if grade} for query in range(20)
    }
    judged = per_query(Run("ours", ranking), qrels, ["nDCG@10"])["nDCG@10"]
    assert ndcg(scores, gains) == pytest.approx([judged[str(query)] for query in range(20)], abs=1e-6)


def test_without_dims_documents_are_ranked_by_the_cosine_of_what_is_left():
    queries, documents, gains = planted(8, 40)
    (found,) = ndcg_without(queries, documents, gains, [slice(2, 5)])
    left = np.delete(np.arange(12), [2, 3, 4])
    naive = ndcg(unit(queries[:, left]) @ unit(documents[:, left]).T, gains)
    assert found == pytest.approx(naive)


def test_a_block_that_harms_is_told_from_one_that_helps():
    *helps, harms = blocks(*planted(), (0, 6, 11, 12))
    assert harms.difference.mean > 0.1
    assert harms.p_holm < 0.05
    assert [(block.start, block.stop) for block in helps] == [(0, 6), (6, 11)]
    assert all(block.difference.high < 0 for block in helps)


def test_the_one_dim_that_harms_is_found_and_leaving_it_out_helps_queries_it_was_not_chosen_by():
    found = degrading(*planted())
    assert found.surely_raises == (11,)
    assert found.dims == 12
    assert found.raises + found.lowers <= 12
    assert found.apart.low > 0

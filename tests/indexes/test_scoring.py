import numpy as np
import pytest

from mrl_search.indexes.scoring import scores_of


@pytest.mark.parametrize("gathered", [8_192, 7])
def test_every_pair_gets_its_own_inner_product_in_the_order_asked(monkeypatch, gathered):
    monkeypatch.setattr("mrl_search.indexes.scoring._GATHERED", gathered)
    random = np.random.default_rng(2)
    queries, vectors = random.standard_normal((5, 12)), random.standard_normal((40, 12))
    owners, rows = random.integers(0, 5, 100), random.integers(0, 40, 100)
    found = scores_of(queries.astype(np.float32), owners, rows, vectors.astype(np.float32).__getitem__)
    np.testing.assert_allclose(found, [queries[q] @ vectors[r] for q, r in zip(owners, rows, strict=True)], atol=1e-5)


def test_equal_vectors_score_equal_wherever_they_stand():
    random = np.random.default_rng(3)
    vectors = np.tile(random.standard_normal((1, 768)).astype(np.float32), (10_001, 1))
    query = random.standard_normal((1, 768)).astype(np.float32)
    scores = scores_of(query, np.zeros(10_001, np.int64), np.arange(10_001), vectors.__getitem__)
    assert len(set(scores.tolist())) == 1

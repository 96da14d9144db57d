"""Recall that held-out queries prove."""

import numpy as np
import pytest

from mrl_search.calibration import (
    Promise,
    beginning,
    calibrate,
    chosen,
    lost,
    needed,
    proves,
    rungs,
    sampled_queries,
)
from mrl_search.errors import GuaranteeError
from mrl_search.funnel import Funnel
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix, exact
from mrl_search.retriever import search
from mrl_search.vectors import unit


@pytest.fixture(scope="module")
def index():
    """4,000 clustered documents of 32 dims, and an exact prefix of 8."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((100, 32))[random.integers(0, 100, 4_000)] + random.standard_normal((4_000, 32))
    stored = StoredVectors(unit((rows * 0.9 ** np.arange(32)).astype(np.float32)), "float32")
    return VectorIndex(stored, build_prefix(stored, 8, Codec("Flat")))


def test_losses_are_shares_of_the_truth():
    truth = np.array([[1, 2], [3, 4], [5, -1]])
    assert lost(np.array([[2, 1], [4, 9], [7, 5]]), truth).tolist() == [0, 0.5, 0]


def test_a_bet_is_won_by_small_losses_and_never_by_large_ones():
    assert proves(np.zeros(400), 0.01, 0.95)
    assert not proves(np.zeros(300), 0.01, 0.95)  # 1.01^300 < 20
    assert not proves(np.full(5_000, 0.02), 0.01, 0.95)
    assert not proves(np.empty(0), 0.01, 0.95)


def test_so_many_queries_are_needed_and_no_fewer():
    promise = Promise(0.99, 10, 0.95)
    count = needed(promise)
    assert proves(np.zeros(count), 0.01, 0.95)
    assert not proves(np.zeros(count - 1), 0.01, 0.95)


def test_the_bet_is_lost_as_seldom_as_it_says():
    # losses whose mean is just what is not allowed: at .8 sure, at most a fifth of 400 calibrations may be wrong
    random = np.random.default_rng(1)
    wrong = sum(proves(0.5 * (random.random(300) < 0.1), 0.05, 0.8) for _ in range(400))
    assert wrong / 400 < 0.2


def test_the_last_rung_that_is_proven_is_taken():
    loss = {80: 0.0, 40: 0.01, 20: 0.2, 10: 0.0}
    losses = lambda candidates: np.full(500, loss[candidates])  # noqa: E731
    assert chosen(losses, [80, 40, 20, 10], Promise(0.9, 10, 0.95)) == (40, pytest.approx(0.99))
    with pytest.raises(GuaranteeError, match=r"with 20 candidates they find 0\.8000; ask for less"):
        chosen(losses, [20, 10], Promise(0.9, 10, 0.95))


def test_rungs_go_down_from_the_most_to_k():
    assert rungs(10, 10) == [10]
    ladder = rungs(10, 200)
    assert (ladder[0], ladder[-1]) == (200, 10)
    assert ladder == sorted(set(ladder), reverse=True)


def test_a_pilot_says_where_to_begin():
    losses = lambda candidates: np.full(9, 0.4 / candidates)  # noqa: E731
    assert beginning(losses, Promise(0.9, 10, 0.95), 4_000) == 40  # .02 at 20, and twice as many
    assert beginning(lambda _: np.ones(9), Promise(0.9, 10, 0.95), 4_000) == 4_000


def test_a_calibrated_funnel_keeps_its_promise_on_further_queries(index):
    random = np.random.default_rng(2)
    rows = index.take(random.integers(0, 4_000, 1_600))
    queries = unit(rows + 0.1 * random.standard_normal((1_600, 32)).astype(np.float32))
    found = calibrate(index, queries[:800], Funnel.parse("8:200,32:5"), Promise(0.95, 5, 0.9))
    assert (found.k, found.queries, found.source) == (5, 720, "queries")
    assert found.found > 0.95
    further = search(index, queries[800:], Funnel.parse(found.funnel))
    truth = exact(index._vectors, queries[800:], [32], 5)[32]
    assert 1 - lost(further.rows, truth.rows).mean() >= 0.95
    fewer = Funnel.parse(f"8:{Funnel.parse(found.funnel).stages[0].k // 3},32:5")
    assert 1 - lost(search(index, queries[800:], fewer).rows, truth.rows).mean() < 0.95  # it did not just take many


def test_documents_that_stand_for_queries_are_not_their_own_answers(index):
    queries, own = sampled_queries(index)
    assert len(queries) == 2_000
    found = calibrate(index, queries, Funnel.parse("8:200,32:5"), Promise(0.9, 5, 0.9), own)
    assert found.source == "sampled documents"
    with_itself = calibrate(index, queries, Funnel.parse("8:200,32:5"), Promise(0.9, 5, 0.9))
    assert Funnel.parse(found.funnel).stages[0].k > Funnel.parse(with_itself.funnel).stages[0].k


def test_too_few_queries_are_told_how_many_it_takes(index):
    with pytest.raises(GuaranteeError, match=r"takes \d+ queries to prove even if none loses anything; found 100"):
        calibrate(index, index.take(np.arange(100)), Funnel.parse("8:200,32:5"), Promise(0.99, 5, 0.95))

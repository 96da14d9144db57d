import dataclasses

import numpy as np
import pytest

from mrl_search.errors import RecipeError
from mrl_search.eval import Cost, Evaluation, Kept, Report, table
from mrl_search.eval.report import kept

COST = Cost(
    macs_per_query=1234567,
    latency_ms_p50=1.5,
    latency_ms_p95=2.5,
    queries_per_second=600.0,
    ram_bytes_per_document=256.0,
    disk_bytes_per_document=3072.0,
    device="cpu",
)
REPORT = Report("enc", "64:200,768:10", {"nDCG@10": 0.5}, {"nDCG@10": {"q": 0.5}}, Kept(0.98, 0.95, 1.01), COST)
EVALUATION = Evaluation(
    "set", "test", 1000, 1, ("nDCG@10", "Recall@100"), "mrl-search eval …", (REPORT,), {"commit": "c"}
)


def test_json_and_back_is_the_same():
    assert Evaluation.from_json(EVALUATION.to_json(), "here") == EVALUATION


def test_json_that_is_no_evaluation_is_refused():
    for text, reason in (("{", "here: not JSON"), ('{"dataset": 1}', "here: the key|here: dataset must be")):
        with pytest.raises(RecipeError, match=reason):
            Evaluation.from_json(text, "here")


def test_the_share_kept_is_a_ratio_of_means_with_a_paired_interval():
    full = {str(q): 0.5 + 0.4 * np.sin(q) for q in range(200)}
    same = kept(full, full)
    assert (same.share, same.low, same.high) == (1.0, 1.0, 1.0)
    half = kept({q: value / 2 for q, value in full.items()}, full)
    assert (half.share, half.low, half.high) == pytest.approx((0.5, 0.5, 0.5))  # no noise: the pairs move together


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(60):
        base = random.uniform(0.2, 1, 100)
        values = base * random.normal(0.9, 0.3, 100)
        found = kept(dict(enumerate(values)), dict(enumerate(base)))
        covered += found.low <= 0.9 <= found.high
    assert covered >= 52  # 95 % of 60 is 57


def test_nothing_can_be_kept_of_nothing():
    assert kept({"q": 0.0}, {"q": 0.0}) is None
    nothing = dataclasses.replace(EVALUATION, reports=(dataclasses.replace(REPORT, kept=None),))
    assert Evaluation.from_json(nothing.to_json(), "") == nothing
    assert " –  256" in table(nothing)

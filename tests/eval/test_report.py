import dataclasses

import pytest

from mrl_search.errors import RecipeError
from mrl_search.eval import Cost, Difference, Evaluation, Report, Share, table

COST = Cost(
    macs_per_query=1234567,
    latency_ms_p50=1.5,
    latency_ms_p95=2.5,
    latency_ms_p99=3.5,
    latency_ms_mean=1.6,
    queries_per_second=600.0,
    ram_bytes_per_document=256.0,
    disk_bytes_per_document=3072.0,
    device="cpu",
)
REPORT = Report(
    "enc",
    "64:200,768:10",
    mean={"nDCG@10": 0.5},
    per_query={"nDCG@10": {"q": 0.5, "p": 0.5}},
    cost=COST,
    kept=Share(0.98, 0.95, 1.01),
    difference=Difference(-0.01, -0.02, -0.005, 0.01, 0.4, 0.01),
    p_holm=0.02,
)
EVALUATION = Evaluation(
    "set", "test", 1000, 1, ("nDCG@10", "Recall@100"), "mrl-search eval …", (REPORT,), {"commit": "c"}
)


def test_json_and_back_is_the_same():
    assert Evaluation.from_json(EVALUATION.to_json(), "here") == EVALUATION


def test_json_that_is_no_evaluation_is_refused():
    for text, reason in (("{", "here: not JSON"), ('{"dataset": 1}', "here: the key|here: dataset must be")):
        with pytest.raises(RecipeError, match=reason):
            Evaluation.from_json(text, "here")


def test_what_is_not_known_is_a_dash():
    nothing = dataclasses.replace(
        EVALUATION, reports=(dataclasses.replace(REPORT, kept=None, difference=None, p_holm=None),)
    )
    assert Evaluation.from_json(nothing.to_json(), "") == nothing
    assert table(nothing).splitlines()[3].split()[3:7] == ["–", "–", "–", "–"]

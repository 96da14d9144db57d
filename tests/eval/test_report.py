import dataclasses
import json

import pytest

from mrl_search.errors import MRLSearchError, RecipeError
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
    for text, reason in (
        ("{", "here: not JSON"),
        ("null", "here: found NoneType, wanted a JSON object"),
        ('{"dataset": 1}', "here: the key|here: dataset must be"),
    ):
        with pytest.raises(RecipeError, match=reason):
            Evaluation.from_json(text, "here")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"measures": []}, "a result wants a measure and a row at least"),
        ({"reports": []}, "a result wants a measure and a row at least"),
        ({"funnel": ""}, "funnel"),
        ({"funnel": "garbage"}, "garbage"),
        ({"per_query": {}}, "the row enc 64:200,768:10 has means of nDCG@10, scores of "),
        ({"per_query": {"nDCG@10": {}}}, "of other queries than the first row, or of none"),
        ({"per_query": {"nDCG@10": {"q": "high", "p": 0.5}}}, "has a nDCG@10 that is no number"),
        ({"mean": {"nDCG@10": 0.6}}, "says nDCG@10 0.6; its scores' mean is 0.500000"),
        ({"mean": {"nDCG@10": float("nan")}}, "NaN is no number"),
    ],
)
def test_a_broken_result_is_told_from_a_whole_one(change, reason):
    table = json.loads(EVALUATION.to_json())
    (table if change.keys() <= table.keys() else table["reports"][0]).update(change)
    with pytest.raises(MRLSearchError, match=reason):
        Evaluation.from_json(json.dumps(table), "here")


def test_rows_must_be_of_the_same_queries():
    other = dataclasses.replace(REPORT, per_query={"nDCG@10": {"q": 0.5}})
    with pytest.raises(RecipeError, match="of other queries than the first row"):
        dataclasses.replace(EVALUATION, reports=(REPORT, other))


def test_what_is_not_known_is_a_dash():
    nothing = dataclasses.replace(
        EVALUATION, reports=(dataclasses.replace(REPORT, kept=None, difference=None, p_holm=None),)
    )
    assert Evaluation.from_json(nothing.to_json(), "") == nothing
    assert table(nothing).splitlines()[3].split()[3:7] == ["–", "–", "–", "–"]

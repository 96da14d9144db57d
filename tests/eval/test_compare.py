import numpy as np
import pytest

from mrl_search.errors import MeasureError, RunError
from mrl_search.eval import Comparison, compare, comparison_table, holm
from mrl_search.run import Run, ScoredDoc


def run(name, found):
    """query → the documents in order, as a run."""
    return Run(
        name, {query: [ScoredDoc(d, -float(rank)) for rank, d in enumerate(docs)] for query, docs in found.items()}
    )


QRELS = {str(number): {"good": 1} for number in range(60)}
GOOD = run("good", {query: ["good", "a", "b"] for query in QRELS})
SECOND = run("second", {query: ["a", "good", "b"] for query in QRELS})
MIXED = run("mixed", {query: ["a", "good", "b"] if int(query) % 20 == 0 else ["good", "a", "b"] for query in QRELS})


def test_each_run_is_compared_with_the_first_by_every_measure():
    found = compare([GOOD, SECOND, MIXED], QRELS, ("MRR@10", "P@1"), margin=0.08)
    assert [(row.run, row.measure, row.mean) for row in found.rows] == [
        ("good", "MRR@10", 1.0),
        ("second", "MRR@10", 0.5),
        ("mixed", "MRR@10", pytest.approx(1 - 0.5 * 3 / 60)),
        ("good", "P@1", 1.0),
        ("second", "P@1", 0.0),
        ("mixed", "P@1", pytest.approx(0.95)),
    ]
    assert [row.verdict for row in found.rows] == ["–", "worse", "as good", "–", "worse", "unclear"]


def test_p_values_are_adjusted_over_the_whole_table():
    found = compare([GOOD, SECOND, MIXED], QRELS, ("MRR@10", "P@1"))
    told = [row for row in found.rows if row.difference is not None]
    assert [row.p_holm for row in told] == holm([row.difference.p_different for row in told])


def test_a_small_difference_may_be_sure_and_within_the_margin():
    qrels = {str(number): {"good": 1} for number in range(400)}
    better = run("better", {query: ["good"] for query in qrels})
    first = run("first", {query: ["a"] * (int(query) < 20) + ["good"] for query in qrels})
    found = compare([first, better], qrels, ("MRR@10",), margin=0.05)
    assert found.rows[1].verdict == "better, but as good"


def test_a_query_without_an_answer_counts_zero_and_is_told():
    partly = run("partly", {query: ["good"] for query in list(QRELS)[:45]} | {"other": ["x"]})
    found = compare([GOOD, partly], QRELS, ("P@1",))
    assert found.rows[1].mean == 0.75
    assert found.notes == (
        "partly answers 45 of 60 judged queries; the others count 0",
        "partly answers 1 queries that nobody judged; they are left out",
    )


def test_a_run_too_shallow_for_a_measure_is_told():
    deep = run("deep", {query: [f"d{place}" for place in range(10)] for query in QRELS})
    found = compare([GOOD, deep], QRELS, ("MRR@10", "P@1"))
    assert found.notes == ("good ranks 3 documents a query at most, and MRR@10 looks at 10",)


def test_queries_without_a_relevant_document_are_told():
    found = compare([GOOD, MIXED], QRELS | {"x": {"good": 0}}, ("P@1",))
    assert found.notes[0] == "1 of 61 judged queries have no relevant document; they count 0"


def test_queries_that_find_themselves_are_told():
    selfish = run("selfish", {query: [query, "good"] for query in QRELS})
    assert "finds the query's own id for 60 queries" in compare([GOOD, selfish], QRELS, ("P@1",)).notes[0]


def test_a_table_says_what_its_columns_are():
    text = comparison_table(compare([GOOD, MIXED], QRELS, ("P@1",), margin=0.02))
    lines = text.splitlines()
    assert lines[0].endswith("mean  difference       95 % interval       p  p Holm  p equal  detectable  verdict")
    assert lines[2].split()[:4] == ["mixed", "P@1", "0.9500", "-0.0500"]
    assert "60 judged queries" in text
    assert "TOST within ± 0.02" in text


def test_json_and_back_is_the_same():
    found = compare([GOOD, MIXED], QRELS, ("P@1",))
    assert Comparison.from_json(found.to_json(), "here") == found


@pytest.mark.parametrize(
    ("runs", "qrels", "measures", "error", "said"),
    [
        ([GOOD, GOOD], QRELS, ("P@1",), RunError, "two runs have the same name"),
        ([GOOD, MIXED], {"1": {"good": 1}}, ("P@1",), RunError, "judgements of 1 queries, wanted two or more"),
        ([GOOD, MIXED], QRELS, ("Nope",), MeasureError, "unknown measure 'Nope'"),
        ([GOOD, MIXED], QRELS, ("nDCG@0",), MeasureError, "unknown measure 'nDCG@0'"),
        ([GOOD, MIXED], QRELS, ("MRR@10", "RR@10"), MeasureError, "name one or more measures, each once"),
        ([GOOD, MIXED], QRELS, ("P@1", "P@1"), MeasureError, "name one or more measures, each once"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_line(runs, qrels, measures, error, said):
    with pytest.raises(error, match=said):
        compare(runs, qrels, measures)


def test_random_rankings_are_told_apart_once_in_twenty_times():
    random = np.random.default_rng(0)
    qrels = {str(number): {"0": 1} for number in range(30)}
    verdicts = []
    for _ in range(40):
        first, second = (
            run(name, {query: list(random.permutation(10).astype(str)) for query in qrels}) for name in "ab"
        )
        verdicts.append(compare([first, second], qrels, ("MRR@10",)).rows[1].verdict)
    assert sum("better" in verdict or "worse" in verdict for verdict in verdicts) <= 6

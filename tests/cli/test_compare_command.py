"""mrl-search compare, as a user meets it."""

import json

import pytest
from calls import call


@pytest.fixture
def runs(here):
    """Two runs over 20 queries, and judgements in both formats."""
    for folder, place in (("one", 1), ("two", 2)):
        (here / folder).mkdir()
        found = [["good", "bad"], ["bad", "good"]][place - 1]
        lines = [f"{q} Q0 {d} {rank} {-rank} tool\n" for q in range(20) for rank, d in enumerate(found, 1)]
        (here / folder / f"run{place}.trec").write_text("".join(lines))
        (here / folder / "run.trec").write_text("".join(lines))
    (here / "qrels.trec").write_text("".join(f"{q} 0 good 1\r\n" for q in range(20)))
    (here / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\r\n" + "".join(f"{q}\tgood\t1\r\n{q}\tnot-in-the-corpus\t0\r\n" for q in range(20))
    )
    return here


@pytest.mark.parametrize("qrels", ["qrels.trec", "qrels.tsv"])
def test_runs_are_compared_with_the_first(runs, qrels):
    told = call("compare", "one/run1.trec", "two/run2.trec", "--qrels", qrels, "--measure", "P@1").stdout
    assert [line.split()[:3] for line in told.splitlines()[1:3]] == [
        ["run1", "P@1", "1.0000"],
        ["run2", "P@1", "0.0000"],
    ]
    assert told.splitlines()[2].endswith("worse")


def test_files_of_one_name_are_told_apart_by_folder(runs):
    found = json.loads(call("compare", "one/run.trec", "two/run.trec", "--qrels", "qrels.tsv", "--json").stdout)
    assert {row["run"] for row in found["rows"]} == {"one/run.trec", "two/run.trec"}
    assert found["measures"] == ["nDCG@10", "Recall@100", "MRR@10"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["one/run1.trec", "--qrels", "qrels.tsv"], 2, "name two runs or more"),
        (
            ["one/run1.trec", "two/run2.trec", "--qrels", "qrels.tsv", "--margin", "0"],
            2,
            "--margin must lie between 0 and 1",
        ),
        (["one/run1.trec", "two/run2.trec", "--qrels", "qrels.tsv", "--margin", "inf"], 2, "--margin must lie between"),
        (["one/run1.trec", "two/run2.trec", "--qrels", "none"], 1, "none cannot be read: No such file"),
        (["one/run1.trec", "none", "--qrels", "qrels.tsv"], 1, "none cannot be read"),
        (["one/run1.trec", "one/run1.trec", "--qrels", "qrels.tsv"], 1, "two runs have the same name"),
    ],
)
def test_what_cannot_be_compared_is_one_line(runs, words, code, said):
    result = call("compare", *words, code=code)
    assert said in result.stderr
    assert result.stderr.strip().count("\n") == (0 if code == 1 else 3)

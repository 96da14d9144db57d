"""mrl-search report, as a user meets it."""

import re

import pytest
from calls import call


@pytest.fixture
def result(here):
    """The result of an evaluation that was just made."""
    (here / "set/qrels").mkdir(parents=True)
    (here / "set/corpus.jsonl").write_text(
        "".join(f'{{"_id": "{n}", "text": "number {n} of {n % 7}"}}\n' for n in range(40))
    )
    (here / "set/queries.jsonl").write_text("".join(f'{{"_id": "{n}", "text": "number {n}"}}\n' for n in range(5)))
    (here / "set/qrels/test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"{n}\t{n}\t1\n" for n in range(5))
    )
    call("eval", "--dataset", "dir:set", "--encoder", "hashing:32", "--dims", "8", "--out", "out", "--no-runs")
    return next((here / "out").glob("*.json"))


def test_a_page_and_a_table_of_a_result(result, here):
    told = call(
        "report", str(result), "--out", "page.html", "--out", "table.csv", "--mteb", "theirs", "--data", "."
    ).stdout
    assert told.splitlines() == ["page.html", "table.csv", "3 files in theirs"]
    assert "number 3" in (here / "page.html").read_text()
    assert (here / "table.csv").read_text().startswith("dataset,split,documents,encoder")


def test_prices_are_the_readers(result, here):
    (here / "prices.toml").write_text('currency = "US$"\n')
    call("report", str(result), "--out", "table.csv", "--prices", "prices.toml")
    assert (here / "table.csv").read_text().splitlines()[0].endswith("month_US$")


def test_what_is_no_result_or_no_format_is_one_line(result, here):
    (here / "bad.json").write_text("{}")
    for words, said in (
        (("bad.json",), "the key 'dataset' is missing"),
        (("none.json",), "cannot read the result none.json"),
        ((str(result), "--out", "report.pdf"), "a report is one of .html, .md, .tex, .csv, .png, .svg"),
    ):
        told = call("report", *words, code=1)
        assert said in told.stderr
        assert len(told.stderr.splitlines()) == 1


def test_the_page_has_the_geometry_of_the_same_encoders_beside_it(result, here):
    import numpy as np

    np.save("v.npy", np.random.default_rng(0).standard_normal((120, 16)).astype(np.float32))
    call("analyze", "v.npy", "--out", "geometry.json")
    call("report", str(result), "geometry.json", "--out", "both.html")
    page = (here / "both.html").read_text()
    assert "<h2>Geometry of v.npy</h2>" in page
    assert "participation ratio" in page
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)""", page)
    call("report", "geometry.json", "--out", "alone.md", "--out", "alone.html", "--out", "alone.svg")
    assert (here / "alone.md").read_text().startswith("# Geometry at every width")
    told = call("report", str(result), "geometry.json", "--out", "both.md", code=1)
    assert "beside evaluations in an .html page, or each alone" in told.stderr

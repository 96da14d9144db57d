import csv
import sys
from dataclasses import replace

import pytest

from mrl_search.errors import MissingPackageError, RecipeError
from mrl_search.eval import write_report


def test_a_table_of_every_kind_has_every_row(whole, tmp_path):
    for ending, rows in (("md", "| hashing:64 "), ("tex", "hashing:64 & ")):
        write_report([whole], tmp_path / f"r.{ending}")
        text = (tmp_path / f"r.{ending}").read_text()
        assert text.count(rows) == sum(row.encoder == "hashing:64" for row in whole.reports)
        assert "TOST within ± 0.01" in text
    assert "kept \\%" in text
    assert text.count("\\toprule") == 1


def test_csv_has_numbers_in_full(whole, tmp_path):
    write_report([whole], tmp_path / "r.csv")
    with (tmp_path / "r.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(row.mean) for row in whole.reports)
    first = rows[0]
    assert float(first["mean"]) == whole.reports[0].mean["nDCG@10"]
    assert float(first["low"]) <= float(first["mean"]) <= float(first["high"])
    assert float(first["month_€"]) > 0
    assert rows[-1]["encoder"] == "bm25"
    assert rows[-1]["month_€"] == ""


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_pictures(whole, tmp_path, ending, begins):
    write_report([whole, whole], tmp_path / "deep" / f"r.{ending}")
    assert (tmp_path / "deep" / f"r.{ending}").read_bytes().startswith(begins)


def test_a_picture_takes_the_first_of_two_exact_rows_of_one_width(whole, tmp_path):
    first = whole.reports[0]
    shallow = replace(first, funnel=first.funnel.partition(":")[0] + ":20")
    write_report([replace(whole, reports=(*whole.reports, shallow))], tmp_path / "r.svg")
    assert (tmp_path / "r.svg").read_bytes().startswith(b"<?xml")


def test_another_ending_or_no_matplotlib_is_one_clear_line(whole, tmp_path, monkeypatch):
    with pytest.raises(RecipeError, match=r"r.pdf: a report is one of .html, .md"):
        write_report([whole], tmp_path / "r.pdf")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match="matplotlib"):
        write_report([whole], tmp_path / "r.png")
    assert list(tmp_path.glob("r.*")) == []

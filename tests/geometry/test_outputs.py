import json

import pytest

from mrl_search.errors import RecipeError
from mrl_search.geometry import check_outs, shown_analysis, write_shown


def test_every_format_is_written_by_its_ending(analysis, tmp_path):
    shown = shown_analysis(analysis)
    for name in ("a.json", "a.md", "a.html", "a.png", "a.svg"):
        write_shown(shown, tmp_path / "made" / name)
    made = tmp_path / "made"
    assert json.loads((made / "a.json").read_text())["subjects"][0]["dim"] == 16
    assert (made / "a.md").read_text().startswith("# Geometry")
    assert (made / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (made / "a.svg").read_text()


def test_the_page_holds_picture_and_table_and_asks_for_nothing(analysis, tmp_path):
    shown = shown_analysis(analysis)._replace(title="<b> & c")
    write_shown(shown, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    assert "<h1>&lt;b&gt; &amp; c</h1>" in page
    assert "isoscore" in page
    assert "<svg" in page
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_an_unknown_ending_is_refused_before_work(tmp_path):
    with pytest.raises(RecipeError, match=r"wanted one of \.json, \.md, \.html, \.png, \.svg"):
        check_outs([tmp_path / "a.pdf"])

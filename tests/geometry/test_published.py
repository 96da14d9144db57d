"""Published results of analyze and diff: read again, and the pages beside them are what they say."""

from pathlib import Path

import pytest

from mrl_search.errors import RecipeError
from mrl_search.geometry import read_shown, shown_analysis, shown_diff

RESULTS = Path(__file__).resolve().parents[2] / "eval" / "results"
PUBLISHED = sorted(path for path in RESULTS.glob("geometry*.json"))


def test_an_analysis_and_a_diff_are_shown_as_they_were(analysis, diffed, tmp_path):
    for name, result, shown in (("a", analysis, shown_analysis), ("d", diffed, shown_diff)):
        result.write(tmp_path / f"{name}.json")
        found, wanted = read_shown(tmp_path / f"{name}.json"), shown(result)
        assert found is not None
        assert (found.title, found.table, found.markdown) == (wanted.title, wanted.table, wanted.markdown)


def test_other_files_are_none_of_ours_and_dynamics_says_where_to_go(tmp_path):
    for text in ("{}", "[]", "no JSON"):
        (tmp_path / "x.json").write_text(text)
        assert read_shown(tmp_path / "x.json") is None
    assert read_shown(tmp_path / "none.json") is None
    (tmp_path / "x.json").write_text('{"runs": [], "seeds": []}')
    with pytest.raises(RecipeError, match="whose picture needs the runs"):
        read_shown(tmp_path / "x.json")


def test_there_are_published_results():
    assert PUBLISHED


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_page_is_what_its_result_says(path):
    found = read_shown(path)
    assert found is not None
    assert path.with_suffix(".md").read_text(encoding="utf-8") == found.markdown + "\n"

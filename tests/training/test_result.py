import pytest
from click.testing import CliRunner
from test_study_table import FOUND

from mrl_search.cli import main
from mrl_search.errors import RecipeError
from mrl_search.training import Study, markdown


def test_a_study_is_json_and_back_and_is_written_whole(tmp_path):
    FOUND.write(tmp_path / "deep" / "s.json")
    assert Study.from_json((tmp_path / "deep" / "s.json").read_text(), "s.json") == FOUND


@pytest.mark.parametrize(("text", "reason"), [("{", "s.json: not JSON"), ("{}", "s.json: the key 'recipe' is missing")])
def test_what_is_no_study_says_where(text, reason):
    with pytest.raises(RecipeError, match=reason):
        Study.from_json(text, "s.json")


def test_a_result_is_printed_again_as_markdown(tmp_path):
    FOUND.write(tmp_path / "s.json")
    told = CliRunner().invoke(main, ["train", "--table", str(tmp_path / "s.json")])
    assert (told.exit_code, told.output) == (0, markdown(FOUND) + "\n")


def test_a_result_that_cannot_be_read_is_one_clear_line(tmp_path):
    told = CliRunner().invoke(main, ["train", "--table", str(tmp_path / "none.json")])
    assert told.exit_code == 1
    assert "cannot read the result" in told.output

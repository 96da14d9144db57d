import pytest
from click.testing import CliRunner

from mrl_search.cli import main
from mrl_search.errors import RecipeError
from mrl_search.eval import ComparedArm, Difference, Kept, Measured, Share, Study
from mrl_search.training import markdown

FOUND = Study(
    recipe={},
    sources=(),
    overlaps={},
    measured=(
        Measured("tiny", "nDCG@10", "none", "a", 0, 16, 0.5, (0.4, 0.6)),
        Measured("tiny", "nDCG@10", "none", "b", 0, 16, 0.4, (0.3, 0.5)),
    ),
    compared=(ComparedArm("tiny", "nDCG@10", "none", "b", 16, Difference(-0.1, -0.2, 0.0, 0.04, 0.01, 0.25)),),
    step_seconds={"a-seed0": 0.5},
    provenance={},
    kept=(Kept("tiny", "nDCG@10", "none", "a", 16, Share(1.0, 1.0, 1.0)),),
)


def test_a_study_is_json_and_back_and_is_written_whole(tmp_path):
    FOUND.write(tmp_path / "deep" / "s.json")
    assert Study.read(tmp_path / "deep" / "s.json") == FOUND


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

import pytest
from test_study_table import FOUND

from mrl_search.errors import RecipeError
from mrl_search.training import Study


def test_a_study_is_json_and_back_and_is_written_whole(tmp_path):
    FOUND.write(tmp_path / "deep" / "s.json")
    assert Study.from_json((tmp_path / "deep" / "s.json").read_text(), "s.json") == FOUND


@pytest.mark.parametrize(("text", "reason"), [("{", "s.json: not JSON"), ("{}", "s.json: the key 'recipe' is missing")])
def test_what_is_no_study_says_where(text, reason):
    with pytest.raises(RecipeError, match=reason):
        Study.from_json(text, "s.json")

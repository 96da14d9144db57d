from dataclasses import dataclass

import pytest

from mrl_search.errors import RecipeError
from mrl_search.recipe import read_recipe


@dataclass(frozen=True)
class Part:
    name: str
    weight: float = 1.0


@dataclass(frozen=True)
class Whole:
    title: str
    dims: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()
    seed: int | None = None
    on: bool = False


def read(tmp_path, text):
    (tmp_path / "r.toml").write_text(text)
    return read_recipe(tmp_path / "r.toml", Whole)


def test_tables_become_dataclasses_and_lists_tuples(tmp_path):
    recipe = read(tmp_path, 'title = "t"\ndims = [64, 768]\nseed = 3\n[[parts]]\nname = "a"\nweight = 2\n')
    assert recipe == Whole("t", (64, 768), (Part("a", 2.0),), 3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('title = "t"\ntypo = 1', "unknown key 'typo'; known are title, dims"),
        ("dims = [1]", "the key 'title' is missing"),
        ("title = 1", "title must be str, found 1"),
        ('title = "t"\ndims = [1, "b"]', r"dims\[1\] must be int, found 'b'"),
        ('title = "t"\ndims = 64', "dims must be a list, found 64"),
        ('title = "t"\nparts = [1]', r"parts\[0\] must be a table"),
        ('title = "t"\n[[parts]]\nname = "a"\nheavy = 1', r"parts\[0\]: unknown key 'heavy'"),
        ('title = "t"\nseed = true', "seed must be int, found True"),
        ('title = "t"\non = 1', "on must be bool, found 1"),
        ("title = ", "is not a TOML file"),
    ],
)
def test_a_recipe_that_is_not_right_says_where(tmp_path, text, reason):
    with pytest.raises(RecipeError, match=reason):
        read(tmp_path, text)


def test_a_recipe_that_is_not_there_says_so(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*nowhere\.toml: No such file"):
        read_recipe(tmp_path / "nowhere.toml", Whole)

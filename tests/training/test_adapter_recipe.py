"""Recipes of adapters: those that are published, and what is refused."""

import dataclasses
from pathlib import Path

import pytest
from small_adapters import ARMS, recipe_of

from mrl_search.adapters import METHODS
from mrl_search.errors import RecipeError
from mrl_search.training import Judged
from mrl_search.training.adapter_recipe import NONE, AdapterArm, read_adapter_recipe

RECIPES = sorted((Path(__file__).resolve().parents[2] / "training" / "recipes").glob("adapters*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_read_and_its_first_arm_is_what_is_to_be_beaten(path):
    found = read_adapter_recipe(path)
    assert (found.arms[0].name, found.arms[0].method) == ("learned-rotation", "rotation")


def test_one_recipe_compares_all_methods():
    assert {arm.method for path in RECIPES for arm in read_adapter_recipe(path).arms} == {NONE, *METHODS}


def test_what_draws_nothing_is_fitted_with_one_seed():
    runs = [(arm.name, seed) for arm, seed in recipe_of("m").runs()]
    assert [run for run in runs if run[0] in ("truncate", "pca")] == [("truncate", 0), ("pca", 0)]
    assert [seed for name, seed in runs if name == "linear"] == [0, 1]


def test_only_a_matrix_of_the_recipe_s_pairs_is_the_same_for_every_collection():
    assert [arm.name for arm in ARMS if arm.is_of_pairs_alone] == ["linear"]
    assert not AdapterArm("a", "linear-mrl", pairs="data", start="pca").is_of_pairs_alone  # axes are of documents


def test_pairs_are_read_as_the_trainer_reads_them_and_kept_clear_of_the_same_tests():
    recipe = recipe_of("m")
    read = recipe.reading("some-encoder")
    assert (read.base, read.data, read.judged) == ("some-encoder", recipe.data, recipe.judged)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"arms": ()}, "an arm, a seed"),
        ({"arms": (ARMS[0], ARMS[0], ARMS[3])}, "arms and seeds must differ"),
        ({"data": ()}, "go together"),
        ({"arms": (*ARMS[:3], dataclasses.replace(ARMS[3], against="x"))}, "another one of the recipe's; found 'x'"),
        ({"arms": (*ARMS[:3], dataclasses.replace(ARMS[3], against="rotation"))}, "with the first arm anyway"),
        ({"widths": (8, 4)}, "must grow"),
        ({"judged": Judged(("tiny",), ("x.jsonl",))}, "leave out sts"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(told, why):
    with pytest.raises(RecipeError, match=why):
        dataclasses.replace(recipe_of("m"), **told)


@pytest.mark.parametrize(
    ("arm", "why"),
    [
        (("a", "x"), "there is no adapter 'x'; choose one of none, rotation"),
        (("a", "smec", "learned", "y"), r"are none \(''\), 'data' or 'judged', found 'y'"),
        (("a", "linear-mrl"), "is fitted to pairs; say which ones a has"),
    ],
)
def test_an_arm_that_cannot_be_is_refused(arm, why):
    with pytest.raises(RecipeError, match=why):
        AdapterArm(*arm)

from pathlib import Path

import pytest

from mrl_search.errors import RecipeError
from mrl_search.training.train_recipe import Arm, Judged, Source, TrainRecipe, read_train_recipe

RECIPES = [
    path
    for path in sorted((Path(__file__).resolve().parents[2] / "training" / "recipes").glob("*.toml"))
    if not path.stem.startswith("adapters")  # test_adapter_study.py reads it
]
ARMS = (Arm("baseline", (16,)), Arm("mrl", (4, 8, 16)))


def recipe(**told):
    return TrainRecipe(**({"base": "b", "data": (Source("d.jsonl"),), "arms": ARMS, "steps": 4} | told))


def test_there_are_recipes():
    assert RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_read_and_its_first_arm_is_the_baseline(path):
    found = read_train_recipe(path)
    assert len(found.arms[0].dims) == 1 or found.loss == "masked"  # which pre-trains, and compares nothing
    assert {arm.dims[-1] for arm in found.arms if not arm.depth} == {found.arms[0].dims[-1]}


def test_weights_are_one_each_and_a_mean_divides_them():
    assert Arm("mrl", (4, 8)).scaled_weights == (1.0, 1.0)
    assert Arm("mrl", (4, 8), mean=True).scaled_weights == (0.5, 0.5)
    assert Arm("mrl", (4, 8), weights=(3.0, 1.0), mean=True).scaled_weights == (0.75, 0.25)


def test_widths_are_those_of_all_arms():
    assert recipe(arms=(Arm("a", (16,)), Arm("b", (4, 16)), Arm("c", (8, 16)))).widths == (4, 8, 16)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"dims": ()}, "must grow from 2"),
        ({"dims": (8, 4)}, "must grow from 2"),
        ({"dims": (1, 4)}, "must grow from 2"),
        ({"dims": (4, 8), "weights": (1.0,)}, r"has 2 dims and the weights \[1.0\]"),
        ({"dims": (4, 8), "weights": (1.0, 0.0)}, "wanted one above 0 for each"),
        ({"name": "a/b", "dims": (4,)}, "letters, digits"),
        ({"dims": (4,), "method": "magic"}, "unknown method 'magic'; choose one of mrl, adaptive-layer, 2dmse"),
        ({"dims": (4, 8), "method": "starbucks"}, r"has the dims \[4, 8\] and the layers \[\]; wanted as many of both"),
        ({"dims": (4, 8), "method": "starbucks", "layers": (2, 2)}, "two at least, growing"),
        ({"dims": (4,), "method": "starbucks", "layers": (2,)}, "two at least, growing"),
        ({"dims": (4,), "layers": (2,)}, "layers are for method = 'starbucks'"),
        ({"dims": (4,), "depth": -1}, "depth of the arm arm cannot be below 0, found -1"),
        ({"dims": (4, 8), "depth": 1, "method": "2dmse"}, "its method 2dmse trains several; leave one of them out"),
        ({"dims": (4,), "method": "2dmse"}, r"draws one of the narrower dims a step, and the arm arm has \[4\]"),
        ({"dims": (4, 8), "method": "2dmse", "mean": True}, "leave the weights and the mean of the arm arm out"),
        ({"dims": (4,), "temperature": 0.5}, "are for 2dmse and starbucks; the arm arm has no use for them"),
        ({"dims": (4, 8), "method": "2dmse", "alignment": -1.0}, r"cannot be below 0, found -1\.0, 0\.0"),
    ],
)
def test_an_arm_that_cannot_be_says_why(told, reason):
    with pytest.raises(RecipeError, match=reason):
        Arm(**({"name": "arm"} | told))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"data": ()}, r"at least one \[\[data\]\]"),
        ({"arms": ()}, r"at least one \[\[arms\]\]"),
        ({"arms": (ARMS[0], ARMS[0])}, "different names"),
        ({"steps": 0}, "steps must be 1 or more, found 0"),
        ({"batch": 1}, "it holds at least 2"),
        ({"learning_rate": 2.0}, "learning_rate must lie"),
        ({"warmup": 1.0}, "warmup is a share"),
        ({"loss": "magic"}, "choose one of contrastive, cosent, softmax, distil"),
        ({"head": "tied"}, "others have none"),
        ({"loss": "cosent", "mini_batch": 8}, "GradCache.*cosent needs the batch in one piece"),
        ({"mini_batch": 8, "arms": (Arm("2d", (4, 16), method="2dmse"),)}, "keeps the last layer alone"),
        ({"precision": "float8"}, "precision is float32, bfloat16 or float16"),
        ({"seeds": ()}, "seeds must be"),
        ({"loss": "distil", "negatives": 1}, "a teacher go together"),
        ({"negatives": 1, "loss": "cosent"}, "cosent has no use for them"),
        ({"batch": 1, "loss": "cosent"}, "it holds at least 2"),
        ({"negatives": 51}, "taken from the 50 nearest; ask for 0 to 50, found 51"),
        ({"teacher": "t"}, "a teacher go together"),
        ({"loss": "distil", "teacher": "t"}, "compares with negatives"),
        (
            {"arms": (Arm("a", (4,), depth=3),), "judged": Judged(layers=(1, 2))},
            "the arm a has 3 layers, and .* names 1, 2",
        ),
    ],
)
def test_a_recipe_that_cannot_be_says_why(told, reason):
    with pytest.raises(RecipeError, match=reason):
        recipe(**told)


def test_a_limit_below_zero_is_refused():
    with pytest.raises(RecipeError, match=r"the limit of d\.jsonl cannot be below 0, found -1"):
        Source("d.jsonl", -1)


def test_an_unknown_key_is_named_with_the_file(tmp_path):
    (tmp_path / "r.toml").write_text('base = "b"\nstesp = 3\n')
    with pytest.raises(RecipeError, match=r"r\.toml: unknown key 'stesp'"):
        read_train_recipe(tmp_path / "r.toml")


def test_a_value_that_cannot_be_is_named_with_the_file(tmp_path):
    (tmp_path / "r.toml").write_text('base = "b"\nsteps = 0\n[[data]]\npath = "d"\n[[arms]]\nname = "a"\ndims = [4]\n')
    with pytest.raises(RecipeError, match=r"r\.toml: steps must be 1 or more"):
        read_train_recipe(tmp_path / "r.toml")


def test_an_arm_is_found_by_its_name():
    assert recipe().arm("mrl") is ARMS[1]
    with pytest.raises(RecipeError, match="there are baseline, mrl"):
        recipe().arm("mlr")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"rotations": ("none", "foo")}, "unknown rotation 'foo'"),
        ({"rotations": ("none", "none")}, "one of the rotations is named twice"),
        ({"precision": "foo"}, "unknown precision 'foo'"),
        ({"datasets": ("a", "a")}, "one of the datasets is named twice"),
        ({"layers": (2, 1)}, r"the judged layers must grow from 1, found \[2, 1\]"),
    ],
)
def test_what_cannot_be_judged_by_is_refused_before_anything_is_trained(told, reason):
    with pytest.raises(RecipeError, match=reason):
        Judged(**told)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"seeds": (0, 0)}, "the seeds must differ"),
        ({"seeds": (2**32,)}, r"below 2\^32"),
        ({"scale": float("inf")}, "must be numbers above 0"),
    ],
)
def test_numbers_beyond_their_range_are_refused(told, reason):
    with pytest.raises(RecipeError, match=reason):
        recipe(**told)

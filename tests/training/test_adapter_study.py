"""A whole comparison of adapters on a tiny model: fitted, measured, compared, written, told."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mrl_search.adapter import ABOUT
from mrl_search.adapters import METHODS
from mrl_search.cli import main
from mrl_search.errors import RecipeError
from mrl_search.training import Judged, Source, Study, markdown
from mrl_search.training.adapter_recipe import NONE, AdapterArm, AdapterRecipe, read_adapter_recipe
from mrl_search.training.adapter_study import adapter_study

RECIPES = sorted((Path(__file__).resolve().parents[2] / "training" / "recipes").glob("adapters*.toml"))
WIDTHS = (4, 8)
ARMS = (
    AdapterArm("rotation", "rotation"),
    AdapterArm("truncate", "none"),
    AdapterArm("pca", "rotation", "pca"),
    AdapterArm("linear", "linear-mrl", pairs="data"),
    AdapterArm("judged", "matryoshka-adaptor", pairs="judged"),
)


@pytest.fixture
def collection(pairs):
    """A BEIR folder `beir/tiny` of 60 documents, 12 questions to test and 48 to train with, beside the pairs."""
    folder = pairs / "beir" / "tiny"
    (folder / "qrels").mkdir(parents=True)
    random = np.random.default_rng(3)
    texts = [" ".join(f"word{n}" for n in random.integers(0, 60, 6)) for _ in range(60)]
    lines = [json.dumps({"_id": f"d{n}", "text": text}) for n, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    asked = [json.dumps({"_id": f"q{n}", "text": texts[n].rpartition(" ")[0]}) for n in range(60)]
    (folder / "queries.jsonl").write_text("\n".join(asked) + "\n")
    for split, numbers in (("test", range(12)), ("train", range(12, 60))):
        judged = "".join(f"q{n}\td{n}\t1\n" for n in numbers)
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return pairs


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_read_and_its_first_arm_is_what_is_to_be_beaten(path):
    found = read_adapter_recipe(path)
    assert (found.arms[0].name, found.arms[0].method) == ("learned-rotation", "rotation")


def test_one_recipe_compares_all_methods():
    assert {arm.method for path in RECIPES for arm in read_adapter_recipe(path).arms} == {NONE, *METHODS}


def recipe_of(base, **told):
    return AdapterRecipe(
        encoders=(str(base),),
        data=(Source("pairs.jsonl"),),
        arms=ARMS,
        widths=WIDTHS,
        steps=3,
        batch=8,
        seeds=(0, 1),
        judged=Judged(("tiny",), folder="beir", rotations=("none",), margin=0.05, precision="float32"),
        **told,
    )


def test_every_arm_is_measured_at_every_width_and_compared_with_the_first(tiny, collection):
    found = adapter_study(recipe_of(tiny), str(tiny), collection, collection / "out")
    runs = 2 * 3 + 1 + 1  # truncation and principal axes draw nothing: one seed is enough
    assert len(found.measured) == runs * (len(WIDTHS) + 1)
    assert len(found.compared) == (len(ARMS) - 1) * (len(WIDTHS) + 1)
    assert all(one.per_query == () for one in found.measured)
    means = {(one.arm, one.seed): one.mean for one in found.measured if one.dim == 4}
    (difference,) = (one.difference for one in found.compared if (one.arm, one.dim) == ("linear", 4))
    wanted = np.mean([means["linear", seed] - means["rotation", seed] for seed in (0, 1)])
    assert difference.mean == pytest.approx(wanted, abs=1e-6)
    full = {one.arm: one.mean for one in found.measured if one.dim == 16 and one.seed == 0}
    assert full["rotation"] == full["truncate"] == full["pca"]  # no full-width cosine changes
    assert len(found.notes) == runs - 1
    assert all("at full width" in note for note in found.notes)
    assert found.overlaps["tiny"]["of"] == 12


def test_what_is_fitted_is_not_fitted_again_and_what_needs_pairs_alone_serves_all_collections(tiny, collection):
    first = adapter_study(recipe_of(tiny), str(tiny), collection, collection / "out")
    assert (collection / "out" / "pairs" / "linear-seed0" / ABOUT).exists()
    assert (collection / "out" / "tiny" / "judged-seed1" / ABOUT).exists()
    again = adapter_study(recipe_of(tiny), str(tiny), collection, collection / "out")
    assert (again.measured, again.step_seconds) == (first.measured, first.step_seconds)


def test_the_command_writes_a_result_for_each_encoder(tiny, collection, monkeypatch):
    monkeypatch.chdir(collection)
    recipe = f"""
encoders = ["{tiny}"]
widths = [4]
steps = 2
seeds = [0, 1]

[[arms]]
name = "rotation"
method = "rotation"

[[arms]]
name = "truncate"
method = "none"

[judged]
folder = "beir"
datasets = ["tiny"]
rotations = ["none"]
"""
    (collection / "small.toml").write_text(recipe)
    done = CliRunner().invoke(main, ["adapt", "--compare", "small.toml", "--seed", "1", "--results", "r", "--out", "o"])
    assert done.exit_code == 0, done.output
    assert "tiny, nDCG@10, rotation none" in done.output
    (result,) = (collection / "r").glob("small-*.json")
    found = Study.read(result)
    assert {one.seed for one in found.measured} == {1}
    assert "| truncate − rotation |" in markdown(found)


def test_compare_takes_all_else_from_the_recipe(tmp_path):
    done = CliRunner().invoke(main, ["adapt", "--compare", "x.toml", "--batch", "3", "--dims", "4"])
    assert done.exit_code == 2
    assert "the recipe says all of that; leave out batch, dims" in done.output


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"arms": ()}, "an arm, a seed"),
        ({"arms": (ARMS[0], ARMS[0], ARMS[3])}, "arms and seeds must differ"),
        ({"data": ()}, "go together"),
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

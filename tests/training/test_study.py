"""A whole twin study of a tiny model: trained, measured, compared, written, told."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mrl_search.cli import main
from mrl_search.errors import CorpusError, RecipeError, TrainingError
from mrl_search.training import Arm, Judged, Source, Study, TrainRecipe, markdown, study, table

RESULTS = sorted((Path(__file__).resolve().parents[2] / "training" / "results").glob("*.json"))
WIDTHS = (4, 8, 16)


def recipe_of(base, **told):
    return TrainRecipe(
        base=str(base),
        data=(Source("pairs.jsonl"),),
        arms=(Arm("baseline", (16,)), Arm("mrl", WIDTHS)),
        steps=3,
        batch=8,
        seeds=(0, 1),
        judged=Judged(("tiny",), ("pairs.jsonl",), "beir", ("none", "pca"), margin=0.05, precision="float32"),
        **told,
    )


@pytest.fixture(scope="module")
def studied(tiny, shared_data_folder):
    """A study of two arms and two seeds; its folder."""
    return study(recipe_of(tiny), shared_data_folder, shared_data_folder / "out"), shared_data_folder


def test_a_study_measures_every_arm_seed_width_and_rotation_and_compares_with_the_first(studied):
    found, _ = studied
    assert len(found.measured) == 2 * 2 * 2 * 2 * len(WIDTHS)  # collection or pairs, rotations, arms, seeds
    assert len(found.compared) == 2 * 2 * len(WIDTHS)
    assert len([one for one in found.kept if one.dataset == "tiny"]) == 2 * 2 * len(WIDTHS)
    judged = [one for one in found.measured if one.dataset == "tiny"]
    assert all(one.mean == pytest.approx(np.mean(one.per_query), abs=1e-5) for one in judged)
    by_key = {(one.arm, one.seed): one.mean for one in judged if (one.rotation, one.dim) == ("none", 16)}
    (compared,) = (c for c in found.compared if (c.dataset, c.rotation, c.dim) == ("tiny", "none", 16))
    gained = np.mean([by_key["mrl", seed] - by_key["baseline", seed] for seed in (0, 1)])
    assert compared.difference.mean == pytest.approx(gained, abs=1e-5)
    assert set(found.step_seconds) == {f"{arm}-seed{seed}" for arm in ("baseline", "mrl") for seed in (0, 1)}


def test_what_a_width_keeps_of_scored_pairs_is_a_share_of_the_mean_correlations_of_the_seeds(tiny, collection):
    words = [f"word{n} word{n + 1} word{n + 2}" for n in range(40)]
    like = [{"sentence1": text, "sentence2": text, "score": 5} for text in words[:20]]
    unlike = [{"sentence1": one, "sentence2": other, "score": 0} for one, other in zip(words, words[20:], strict=False)]
    (collection / "sts.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in like + unlike))
    judged = Judged(sts=("sts.jsonl",), rotations=("none",), precision="float32")
    found = study(dataclasses.replace(recipe_of(tiny), judged=judged), collection, collection / "out")
    means = {dim: np.mean([one.mean for one in found.measured if (one.arm, one.dim) == ("mrl", dim)]) for dim in WIDTHS}
    kept = {one.dim: one.share for one in found.kept if one.arm == "mrl"}
    assert {dim: share.share for dim, share in kept.items()} == pytest.approx(
        {dim: mean / means[16] for dim, mean in means.items()}
    )
    assert kept[16].low == kept[16].high == 1


def test_nothing_is_said_of_what_is_kept_where_full_width_may_not_correlate_at_all(studied):
    found, _ = studied
    # the scores of these pairs have nothing to do with the texts
    assert not [one for one in found.kept if one.dataset == "pairs.jsonl"]


def test_a_rotation_leaves_full_width_as_it_is(studied):
    found, _ = studied
    full = {
        rotation: [one.mean for one in found.measured if (one.rotation, one.dim) == (rotation, 16)]
        for rotation in ("none", "pca")
    }
    assert full["none"] == pytest.approx(full["pca"], abs=1e-4)


@pytest.fixture(scope="module")
def grid(tiny, shared_data_folder):
    """A study of two depths: a whole arm, a small one by itself, and one of both sizes."""
    arms = (Arm("full", (16,)), Arm("small", (4,), depth=1), Arm("nested", (4, 16), method="starbucks", layers=(1, 2)))
    recipe = recipe_of(tiny)
    judged = dataclasses.replace(recipe.judged, layers=(1, 2))
    recipe = dataclasses.replace(recipe, arms=arms, judged=judged, seeds=(0,))
    return study(recipe, shared_data_folder, shared_data_folder / "grid"), shared_data_folder


def test_a_study_of_depths_measures_every_layer_and_width_and_compares_with_small_models(grid):
    found, _ = grid
    for dataset in ("tiny", "pairs.jsonl"):
        here = [one for one in found.measured if (one.dataset, one.rotation) == (dataset, "none")]
        sizes = {arm: {(one.layers, one.dim) for one in here if one.arm == arm} for arm in ("full", "small", "nested")}
        whole = {(1, 4), (1, 16), (2, 4), (2, 16)}
        assert sizes == {"full": whole, "small": {(1, 4)}, "nested": whole}
        told = {
            (one.arm, one.layers, one.dim): one.against
            for one in found.compared
            if (one.dataset, one.rotation) == (dataset, "none")
        }
        assert told == {("full", 1, 4): "small", ("nested", 1, 4): "small", ("nested", 2, 16): "full"}
    assert set(found.texts_per_second) == {"1", "2"}
    assert Study.from_json(found.to_json(), "here").to_json() == found.to_json()


def test_what_is_measured_at_a_depth_is_of_the_model_without_its_later_layers(grid):
    from mrl_search.encoders import EncoderSpec, load_encoder
    from mrl_search.training.sts import scored_pairs, similarities, spearman

    found, folder = grid
    first, second, scores = scored_pairs(folder / "pairs.jsonl")
    encoder = load_encoder(EncoderSpec(str(folder / "grid" / "nested-seed0" / "model"), layers=1))
    (wanted,) = spearman(similarities(encoder, (first, second), (4,), "none")[4], scores)
    (measured,) = (
        one.mean
        for one in found.measured
        if (one.dataset, one.rotation, one.arm, one.layers, one.dim) == ("pairs.jsonl", "none", "nested", 1, 4)
    )
    assert measured == pytest.approx(wanted, abs=1e-5)


def test_a_study_is_json_and_back_and_stands_in_every_models_card(tiny, studied):
    found, folder = studied
    assert Study.from_json(found.to_json(), "here").to_json() == found.to_json()
    card = (folder / "out" / "mrl-seed1" / "model" / "README.md").read_text()
    assert markdown(found) in card
    assert "## What made it" in card
    study(recipe_of(tiny), folder, folder / "out")
    again = (folder / "out" / "mrl-seed1" / "model" / "README.md").read_text()
    assert again.count("## How good it is at every width") == 1


def test_the_table_has_a_line_for_each_arm_and_one_for_its_difference(studied):
    lines = table(studied[0]).splitlines()
    assert lines[0] == "tiny, nDCG@10, rotation none"
    assert [line.split()[0] for line in lines[2:5]] == ["baseline", "mrl", "−"]
    assert any("margin 0.05" in line for line in lines[-4:])


def test_the_command_trains_a_pair_and_goes_on_where_it_was(tiny, collection, monkeypatch):
    monkeypatch.chdir(collection)
    Path("r.toml").write_text(
        f'base = "{tiny}"\nsteps = 3\nbatch = 8\n[[data]]\npath = "pairs.jsonl"\n'
        '[[arms]]\nname = "baseline"\ndims = [16]\n[[arms]]\nname = "mrl"\ndims = [4, 16]\n'
        '[judged]\nfolder = "beir"\ndatasets = ["tiny"]\nrotations = ["none"]\n'
    )
    told = CliRunner().invoke(main, ["train", "r.toml", "--arm", "mrl"])
    assert (told.exit_code, told.stdout) == (0, "training/models/r/mrl-seed0/model\n")
    before = Path("training/models/r/mrl-seed0/training.json").stat().st_mtime_ns
    told = CliRunner().invoke(main, ["train", "r.toml", "--pair"])
    assert told.exit_code == 0, told.output
    assert Path("training/models/r/mrl-seed0/training.json").stat().st_mtime_ns == before
    assert Study.from_json(Path("training/results/r.json").read_text(), "r.json").measured
    assert Path("training/results/r.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["r.toml"], 2, "has the arms a, b; choose one with --arm, or train all with --pair"),
        (["r.toml", "--arm", "c"], 1, "there is no arm 'c'; there are a, b"),
        (["r.toml", "--arm", "a", "--pair"], 2, "--pair trains every arm"),
        (["no.toml", "--pair"], 1, "cannot read the recipe no.toml"),
        (["r.toml", "--arm", "b"], 1, "asks for 99 dims"),
    ],
)
def test_a_wrong_call_says_what_to_do(tiny, pairs, monkeypatch, words, code, reason):
    monkeypatch.chdir(pairs)
    Path("r.toml").write_text(
        f'base = "{tiny}"\nsteps = 3\n[[data]]\npath = "pairs.jsonl"\n'
        '[[arms]]\nname = "a"\ndims = [16]\n[[arms]]\nname = "b"\ndims = [99]\n'
    )
    told = CliRunner().invoke(main, ["train", *words])
    assert told.exit_code == code
    assert reason in told.output


def test_a_study_that_judges_by_nothing_is_refused_before_it_trains(tiny, collection):
    with pytest.raises(RecipeError, match="names nothing to compare the arms on"):
        study(dataclasses.replace(recipe_of(tiny), judged=Judged()), collection, collection / "out")
    assert not (collection / "out").exists()


def test_scored_pairs_that_are_not_there_are_met_before_training(tiny, collection):
    judged = dataclasses.replace(recipe_of(tiny).judged, sts=("nowhere.jsonl",))
    with pytest.raises(CorpusError, match="nowhere"):
        study(dataclasses.replace(recipe_of(tiny), judged=judged), collection, collection / "out")
    assert not (collection / "out").exists()


def test_an_arm_too_wide_for_the_base_leaves_nothing_behind(tiny, collection):
    wide = dataclasses.replace(recipe_of(tiny), arms=(Arm("wide", (99,)),))
    with pytest.raises(TrainingError, match="asks for 99 dims"):
        study(wide, collection, collection / "out")
    assert not (collection / "out" / "wide-seed0").exists()


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_result_in_the_repository_reads_and_names_a_clean_commit(path):
    found = Study.from_json(path.read_text(encoding="utf-8"), str(path))
    assert found.measured
    assert not str(found.provenance["commit"]).endswith("+dirty")

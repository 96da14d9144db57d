"""Real training of a tiny model: twins, curves that go on after a kill, losses that are not finite."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest
from pyarrow import parquet

from mrl_search.atomic import held
from mrl_search.data import Example
from mrl_search.device import Device
from mrl_search.encoders import EncoderSpec, load_encoder, load_model
from mrl_search.errors import EncoderError, MissingPackageError, TrainingError
from mrl_search.training import Arm, Source, TrainOptions, TrainRecipe, train_arm
from mrl_search.training.checkpoints import WholeTrainer
from mrl_search.training.training_set import training_set

BASELINE, MRL = Arm("baseline", (16,)), Arm("mrl", (4, 8, 16))
SMALL = Arm("small", (4,), depth=1)


def recipe_of(base, **told):
    settings = {"data": (Source("pairs.jsonl"),), "arms": (BASELINE, MRL), "steps": 6, "batch": 8, "save_every": 2}
    return TrainRecipe(**({"base": str(base), "learning_rate": 1e-3} | settings | told))


def trained(recipe, arm, root, name, seed=0):
    folder = train_arm(recipe, arm, seed, training_set(recipe, root), root / name)
    return folder, parquet.read_table(folder / "dynamics.parquet").to_pylist()


def weights(folder):
    from safetensors.numpy import load_file

    return load_file(folder / "model" / "model.safetensors")


def same(first, second):
    return all(np.array_equal(array, second[name]) for name, array in first.items())


@pytest.fixture(scope="module")
def mrl(tiny, shared_data_folder):
    """A run that is only looked at: its folder, its rows."""
    return trained(recipe_of(tiny), MRL, shared_data_folder, "mrl")


def test_what_is_trained_loads_in_sentence_transformers_at_any_width(mrl):
    from sentence_transformers import SentenceTransformer

    folder, rows = mrl
    model = SentenceTransformer(str(folder / "model"), truncate_dim=4, device="cpu")
    assert model.encode(["word1 word2"]).shape == (1, 4)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert load_encoder(EncoderSpec(str(folder / "model"))).trained_dims == (4, 8, 16)


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_card_names_the_base(tiny, pairs, monkeypatch, name):
    from mrl_search.training import trainer

    monkeypatch.setattr(trainer, "load_model", lambda base, **told: load_model(str(tiny), **told))
    folder, _ = trained(recipe_of(name), MRL, pairs, "mrl")
    assert "base_model: sentence-transformers/all-MiniLM-L6-v2" in (folder / "model" / "README.md").read_text()


def test_every_row_says_what_each_width_and_layer_did(mrl):
    _, rows = mrl
    names = {"step", "loss", "loss@4", "loss@8", "loss@16", "gradient[0:4]", "gradient[4:8]", "gradient[8:16]"}
    layers = ("embeddings", "layer 0", "layer 1")
    assert names | {f"{what}:{layer}" for what in ("gradient", "update") for layer in layers} <= set(rows[0])
    for row in rows:
        assert row["loss"] == pytest.approx(row["loss@4"] + row["loss@8"] + row["loss@16"])
    assert rows[2]["update:layer 0"] > 0
    assert all(rows[2][f"update[{block}]"] > 0 for block in ("0:4", "4:8", "8:16"))
    assert rows[-1]["learning rate"] == 0


def test_the_twins_begin_with_the_same_batch_and_full_width_loss(tiny, pairs, mrl):
    _, base = trained(recipe_of(tiny), BASELINE, pairs, "baseline")
    assert base[0]["loss@16"] == mrl[1][0]["loss@16"]
    assert base[0]["loss"] == base[0]["loss@16"]


def test_a_mean_of_widths_has_the_scale_of_one(tiny, pairs):
    _, rows = trained(recipe_of(tiny), Arm("mean", (4, 8, 16), mean=True), pairs, "mean")
    assert rows[0]["loss"] == pytest.approx(np.mean([rows[0][f"loss@{dim}"] for dim in (4, 8, 16)]))


def test_the_same_seed_gives_the_same_weights_and_another_others(tiny, pairs, mrl):
    again, other = (trained(recipe_of(tiny), MRL, pairs, f"run{seed}", seed)[0] for seed in (0, 1))
    assert same(weights(mrl[0]), weights(again))
    assert not same(weights(mrl[0]), weights(other))


@pytest.mark.parametrize(
    "told", [{"loss": "cosent"}, {"loss": "softmax"}, {"loss": "softmax", "head": "tied"}], ids=str
)
def test_other_losses_train_at_every_width(tiny, pairs, told):
    _, rows = trained(recipe_of(tiny, **told), MRL, pairs, "other")
    assert all(row[f"loss@{dim}"] > 0 for row in rows for dim in (4, 8, 16))


def test_an_arm_of_the_first_layers_is_the_same_model_when_it_is_loaded_again(tiny, pairs):
    from sentence_transformers import SentenceTransformer

    folder, rows = trained(recipe_of(tiny), SMALL, pairs, "small")
    assert "gradient:layer 1" not in rows[0]
    model = SentenceTransformer(str(folder / "model"), device="cpu")
    assert model[0].model.config.num_hidden_layers == len(model[0].model.encoder.layer) == 1


def test_more_layers_than_the_base_has_are_refused_and_leave_nothing(tiny, pairs):
    with pytest.raises(EncoderError, match="the model has 2 layers, asked for 3"):
        trained(recipe_of(tiny), Arm("small", (4,), depth=3), pairs, "small")
    assert not (pairs / "small").exists()


def test_a_run_that_is_whole_is_not_done_again_and_another_is_not_overwritten(tiny, mrl):
    folder, _ = mrl
    before = (folder / "training.json").stat().st_mtime_ns
    trained(recipe_of(tiny), MRL, folder.parent, "mrl")
    assert (folder / "training.json").stat().st_mtime_ns == before
    with pytest.raises(TrainingError, match="another recipe, data, arm or seed"):
        trained(recipe_of(tiny, steps=7), MRL, folder.parent, "mrl")


def test_a_loss_that_is_not_finite_stops_before_a_weight_changes_and_keeps_the_checkpoint(tiny, pairs, monkeypatch):
    import torch

    from mrl_search.training import dynamics

    real, seen = dynamics._norms, []

    def spoiled(what, layers):
        seen.append(what)
        norms = real(what, layers)
        return norms if seen.count("gradient") < 6 else dict.fromkeys(norms, float("nan"))

    monkeypatch.setattr(dynamics, "_norms", spoiled)
    with pytest.raises(
        TrainingError, match=r"step \d: .* is nan; no weight was changed by it; the last checkpoint is kept"
    ):
        trained(recipe_of(tiny), MRL, pairs, "mrl")
    (checkpoint, *_) = sorted((pairs / "mrl" / "checkpoints").glob("checkpoint-*"))
    from safetensors.torch import load_file

    assert all(torch.isfinite(tensor).all() for tensor in load_file(checkpoint / "model.safetensors").values())
    assert not (pairs / "mrl" / "training.json").exists()


def test_after_a_kill_the_curve_goes_on_as_if_there_had_been_none(tiny, pairs):
    recipe = recipe_of(tiny, steps=40, save_every=5)
    whole, curve = trained(recipe, MRL, pairs, "whole")
    script = textwrap.dedent(
        f"""
        import sys; sys.path.insert(0, {str(__file__.rpartition("/")[0])!r})
        from pathlib import Path
        from test_trainer import MRL, recipe_of, trained
        trained(recipe_of({str(tiny)!r}, steps=40, save_every=5), MRL, Path({str(pairs)!r}), "killed")
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL, env=os.environ.copy())
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (pairs / "killed/checkpoints/checkpoint-10").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (pairs / "killed/training.json").exists()
    again, found = trained(recipe, MRL, pairs, "killed")
    assert found == curve
    assert same(weights(whole), weights(again))


@pytest.mark.parametrize("step", [10, 20])
def test_a_run_ended_as_soon_as_a_checkpoint_is_there_has_its_rows(tiny, pairs, monkeypatch, step):
    """A kill came between a checkpoint and its rows, and the curve went on five rows short; at the end, one too long."""
    recipe = recipe_of(tiny, steps=20, save_every=5)
    whole, curve = trained(recipe, MRL, pairs, "whole")
    save = WholeTrainer._save_checkpoint

    def saved_and_ended(self, *given):
        save(self, *given)
        if self.state.global_step == step:
            raise KeyboardInterrupt

    with monkeypatch.context() as ending, pytest.raises(KeyboardInterrupt):
        ending.setattr(WholeTrainer, "_save_checkpoint", saved_and_ended)
        trained(recipe, MRL, pairs, "ended")
    again, found = trained(recipe, MRL, pairs, "ended")
    assert found == curve
    assert same(weights(whole), weights(again))


def test_without_accelerate_the_extra_is_named(tiny, pairs, monkeypatch):
    monkeypatch.setattr("mrl_search.training.trainer.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"mrl-search\[train\]"):
        trained(recipe_of(tiny), MRL, pairs, "mrl")


def test_a_base_that_was_trained_anew_in_its_place_is_another_run(tiny, pairs, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(tiny, base)
    recipe = TrainRecipe(str(base), (Source("pairs.jsonl"),), (Arm("baseline", (16,)),), 1, batch=8)
    data = training_set(recipe, pairs)
    train_arm(recipe, recipe.arms[0], 0, data, tmp_path / "run")
    weights = next(base.rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(TrainingError, match="holds a run of another recipe"):
        train_arm(recipe, recipe.arms[0], 0, data, tmp_path / "run")


def test_other_mined_negatives_or_scores_of_a_teacher_are_another_run(tiny, pairs, tmp_path):
    recipe = recipe_of(tiny, steps=1, loss="distil", negatives=1, teacher="any")
    mined = tuple(Example(f"word{n}", f"word{n} word1", f"word{n} word2") for n in range(8))
    data = replace(training_set(recipe, pairs), examples=mined, taught=((1.0, 0.0),) * 8)
    train_arm(recipe, MRL, 0, data, tmp_path / "run")
    others = (
        replace(data, examples=(*mined[:-1], mined[-1]._replace(negative="word3"))),
        replace(data, taught=((1.0, 0.5),) * 8),
    )
    for other in others:
        with pytest.raises(TrainingError, match="holds a run of another recipe"):
            train_arm(recipe, MRL, 0, other, tmp_path / "run")


def test_autocast_that_the_device_has_not_got_is_refused_before_anything_is_written(tiny, pairs, monkeypatch):
    with pytest.raises(TrainingError, match=r"float16 is trained in on a CUDA card; .*'bfloat16' or 'float32'"):
        trained(recipe_of(tiny, precision="float16"), MRL, pairs, "mrl")
    assert not (pairs / "mrl").exists()
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: False)
    recipe, old = recipe_of(tiny, precision="bfloat16"), Device("cuda", 0, "old")
    with pytest.raises(TrainingError, match=r"cuda:0 \(old\) does not multiply bfloat16; .*'float16' or 'float32'"):
        train_arm(recipe, MRL, 0, training_set(recipe, pairs), pairs / "mrl", TrainOptions(device=old))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch's compiler, about itself
def test_a_compiled_model_learns_as_another_does_but_is_another_run(tiny, pairs):
    recipe = recipe_of(tiny)
    folder, plain = trained(recipe, MRL, pairs, "plain")
    data = training_set(recipe, pairs)
    compiled = train_arm(recipe, MRL, 0, data, pairs / "compiled", TrainOptions(compile=True))
    rows = parquet.read_table(compiled / "dynamics.parquet").to_pylist()
    assert [set(row) for row in rows] == [set(row) for row in plain]
    for name in ("loss", "loss@4", "loss@8", "loss@16"):  # of the first step; dropout is drawn otherwise
        assert rows[0][name] == pytest.approx(plain[0][name], rel=0.3)
    with pytest.raises(TrainingError, match="holds a run of another recipe"):
        train_arm(recipe, MRL, 0, data, folder, TrainOptions(compile=True))


def test_two_processes_do_not_train_in_one_folder(tiny, pairs, tmp_path):
    recipe = recipe_of(tiny, steps=1)
    (tmp_path / "run").mkdir()
    with held(tmp_path / "run"), pytest.raises(TrainingError, match=r"another process trains in .*run; wait for it"):
        train_arm(recipe, MRL, 0, training_set(recipe, pairs), tmp_path / "run")


def test_examples_that_give_no_batch_are_said_to_and_leave_nothing(tiny, pairs, tmp_path):
    data = training_set(recipe_of(tiny), pairs)
    same = replace(data, examples=tuple(one._replace(second="word1") for one in data.examples[:20]))
    with pytest.raises(TrainingError, match=r"20 examples give no batch of 8 different texts; give more, or lower"):
        train_arm(recipe_of(tiny), MRL, 0, same, tmp_path / "run")
    assert not (tmp_path / "run").exists()

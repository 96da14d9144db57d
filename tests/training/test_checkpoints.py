"""What a checkpoint holds besides the model, and which of several is gone on from."""

import json

import pytest
import torch
from interruptions import interrupted_after

from mrl_search.errors import TrainingError
from mrl_search.training import Arm, Source, TrainRecipe, train_arm
from mrl_search.training.checkpoints import last_checkpoint
from mrl_search.training.dynamics import Dynamics
from mrl_search.training.training_set import training_set

ARM = Arm("mrl", (4, 16))


def stopped(tiny, pairs, monkeypatch, **told):
    """A run that was stopped after its first checkpoint: what begins it again, and that checkpoint."""
    recipe = TrainRecipe(str(tiny), (Source("pairs.jsonl", 40),), (ARM,), 4, batch=8, save_every=2, **told)

    def begin():
        return train_arm(recipe, ARM, 0, training_set(recipe, pairs), pairs / "run")

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Dynamics, "on_pre_optimizer_step", interrupted_after(3))
        begin()
    return begin, pairs / "run" / "checkpoints" / "checkpoint-2"


def test_a_loss_that_learns_is_kept_with_the_model_and_no_card_is_written(tiny, pairs, monkeypatch):
    from safetensors.torch import load_file

    _, checkpoint = stopped(tiny, pairs, monkeypatch, loss="softmax")
    kept = load_file(checkpoint / "loss.safetensors")
    assert {tuple(weight.shape) for name, weight in kept.items() if name.endswith("weight")} == {(3, 12), (3, 48)}
    assert all(torch.isfinite(weight).all() for weight in kept.values())
    assert not (checkpoint / "README.md").exists()


def test_a_loss_of_cosines_has_nothing_to_keep(tiny, pairs, monkeypatch):
    _, checkpoint = stopped(tiny, pairs, monkeypatch)
    assert (checkpoint / "model.safetensors").exists()
    assert not (checkpoint / "loss.safetensors").exists()


def test_a_checkpoint_without_what_the_loss_had_learned_is_not_gone_on_from(tiny, pairs, monkeypatch):
    begin, checkpoint = stopped(tiny, pairs, monkeypatch, loss="softmax")
    (checkpoint / "loss.safetensors").unlink()
    with pytest.raises(
        TrainingError, match="checkpoint-2 holds nothing of what the loss itself has learned; delete it"
    ):
        begin()


def test_the_last_whole_checkpoint_is_gone_on_from(tmp_path):
    assert last_checkpoint(tmp_path) == (0, None)
    for step in (5, 20, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    assert last_checkpoint(tmp_path) == (100, str(tmp_path / "checkpoint-100"))
    (tmp_path / "checkpoint-100" / "trainer_state.json").write_text('{"glob')
    assert last_checkpoint(tmp_path) == (20, str(tmp_path / "checkpoint-20"))

"""What TensorBoard reads of a training."""

import pytest
from test_trainer import MRL, recipe_of

from mrl_search.errors import MissingPackageError, TrainingError
from mrl_search.training import TrainOptions, train_arm
from mrl_search.training.training_set import training_set


def test_event_files_of_tensorboard_outlive_the_checkpoints(tiny, pairs):
    recipe = recipe_of(tiny, steps=12)
    folder = train_arm(recipe, MRL, 0, training_set(recipe, pairs), pairs / "told", TrainOptions(tensorboard=True))
    (events,) = (folder / "tensorboard").glob("events.out.tfevents.*")
    assert b"train/loss_4" in events.read_bytes()  # its name for loss@4
    assert not (folder / "checkpoints").exists()


def test_event_files_of_a_run_that_was_done_without_them_are_refused(tiny, pairs):
    recipe = recipe_of(tiny, steps=1)
    data = training_set(recipe, pairs)
    train_arm(recipe, MRL, 0, data, pairs / "told")
    with pytest.raises(TrainingError, match="was trained without --tensorboard; delete it"):
        train_arm(recipe, MRL, 0, data, pairs / "told", TrainOptions(tensorboard=True))


def test_without_tensorboard_the_extra_is_named_before_anything_is_done(tiny, pairs, monkeypatch):
    monkeypatch.setattr("mrl_search.training.trainer.find_spec", lambda name: None if "board" in name else name)
    recipe = recipe_of(tiny)
    with pytest.raises(MissingPackageError, match=r"--tensorboard needs the package tensorboardX.*mrl-search\[train\]"):
        train_arm(recipe, MRL, 0, training_set(recipe, pairs), pairs / "told", TrainOptions(tensorboard=True))
    assert not (pairs / "told").exists()

"""Every method in the trainer: a run that is stopped goes on along the same curve."""

import pytest
import torch
from interruptions import interrupted_after
from pyarrow import parquet
from safetensors.torch import load_file

from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.training import Arm, Source, TrainRecipe, train_arm
from mrl_search.training.dynamics import Dynamics
from mrl_search.training.training_set import training_set

ARMS = (
    Arm("2dmse", (4, 8, 16), method="2dmse"),
    Arm("matryoshka2d", (4, 8, 16), method="matryoshka2d"),
    Arm("adaptive-layer", (4, 16), method="adaptive-layer"),
    Arm("starbucks", (4, 16), method="starbucks", layers=(1, 2)),
)
CLASSIFIER = Arm("classifier", (4, 16))  # whose loss has weights of its own


@pytest.mark.parametrize("arm", [*ARMS, CLASSIFIER], ids=lambda arm: arm.name)
def test_every_method_goes_on_after_a_stop_as_if_there_had_been_none(tiny, pairs, monkeypatch, arm):
    told = {"loss": "softmax"} if arm is CLASSIFIER else {}
    source = (Source("pairs.jsonl", 80),)
    recipe = TrainRecipe(str(tiny), source, (arm,), 9, batch=8, learning_rate=1e-3, save_every=4, **told)

    def trained(name):
        folder = train_arm(recipe, arm, 0, training_set(recipe, pairs), pairs / name)
        rows = parquet.read_table(folder / "dynamics.parquet").to_pylist()
        return folder / "model", rows, load_file(folder / "model" / "model.safetensors")

    whole, curve, weights = trained("whole")
    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(Dynamics, "on_pre_optimizer_step", interrupted_after(6))
        trained("stopped")
    assert not (pairs / "stopped" / "training.json").exists()
    _, found, again = trained("stopped")
    assert found == curve
    assert all(torch.equal(tensor, again[name]) for name, tensor in weights.items())
    if arm.method != "adaptive-layer":  # the library's card does not tell them
        assert load_encoder(EncoderSpec(str(whole))).trained_dims == arm.dims

from types import SimpleNamespace

import pytest
import torch

from mrl_search.errors import TrainingError
from mrl_search.training import Arm, Source, TrainRecipe
from mrl_search.training.dynamics import Dynamics, joined, read_rows, write_rows


def test_parts_are_joined_by_step_and_what_else_lies_there_is_left_alone(tmp_path):
    write_rows([{"step": 3, "loss": 0.5}], tmp_path / "00000003.parquet")
    write_rows([{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.7}], tmp_path / "00000002.parquet")
    (tmp_path / "notes.txt").write_text("mine")
    assert [row["step"] for row in joined(tmp_path)] == [1, 2, 3]


def test_rows_come_back_as_they_were(tmp_path):
    rows = [{"step": 1.0, "loss@4": 1 / 3}, {"step": 2.0, "loss@4": 1e-30}]
    write_rows(rows, tmp_path / "d.parquet")
    assert read_rows(tmp_path / "d.parquet") == rows


def test_a_folder_that_is_not_there_has_no_rows(tmp_path):
    assert joined(tmp_path / "none") == []


@pytest.fixture
def dynamics(tiny, tmp_path):
    """Of a step whose loss is 0.5 and whose gradients are 3 at every weight, and 8 of the full vectors by block."""
    from sentence_transformers import SentenceTransformer

    arm = Arm("mrl", (16,))
    model = SentenceTransformer(str(tiny), device="cpu")
    noted = SimpleNamespace(row=lambda: {"loss": 0.5, "loss@16": 0.5})
    recipe = TrainRecipe(str(tiny), (Source("x"),), (arm,), steps=1)
    made = Dynamics(recipe, model, noted, tmp_path / "parts", lambda step, row: None)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    made._squares += 4.0  # 16 dims: a norm of 8
    made.model = model
    return made


def step(dynamics, *, fp16, optimizer=None):
    state = SimpleNamespace(global_step=0)
    dynamics.on_pre_optimizer_step(SimpleNamespace(fp16=fp16), state, None, optimizer=optimizer)
    return dynamics._row


def test_gradients_are_told_without_the_scale_of_a_float16_loss(dynamics):
    scaler = SimpleNamespace(get_scale=lambda: 16.0)
    assert step(dynamics, fp16=True, optimizer=SimpleNamespace(scaler=scaler))["gradient[0:16]"] == 0.5


def test_without_a_scaled_loss_they_are_what_they_are(dynamics):
    assert step(dynamics, fp16=False, optimizer=SimpleNamespace(scaler=None))["gradient[0:16]"] == 8.0


def test_gradients_that_overflow_stop_a_run_but_in_float16_where_the_scaler_leaves_the_step_out(dynamics):
    next(dynamics.model.parameters()).grad.fill_(torch.inf)
    assert step(dynamics, fp16=True)["gradient:embeddings"] == torch.inf
    with pytest.raises(TrainingError, match="gradient:embeddings is inf"):
        step(dynamics, fp16=False)


def test_a_loss_that_is_not_finite_stops_a_run_in_float16_too(dynamics):
    dynamics._noted.row = lambda: {"loss": torch.nan}
    with pytest.raises(TrainingError, match="loss is nan"):
        step(dynamics, fp16=True)

"""Vectors of all depths from one pass, beside models whose later layers were taken away."""

import pytest
import torch

from mrl_search.errors import TrainingError
from mrl_search.training.methods.sub_models import SubModels, cut


def test_every_depth_gives_what_the_model_without_its_later_layers_gives(batch):
    columns = SubModels(batch.model, (1, 2), "arm").columns(batch.model, batch.features())
    for depth in (1, 2):
        for found, wanted in zip(columns[depth], batch.vectors(depth), strict=True):
            assert found.detach().numpy() == pytest.approx(wanted, abs=1e-5)


def test_a_pass_runs_each_layer_once_for_each_column(batch):
    calls = []
    for layer in batch.model[0].model.encoder.layer:
        layer.register_forward_hook(lambda *_: calls.append(1))
    SubModels(batch.model, (1, 2), "arm").columns(batch.model, batch.features())
    assert len(calls) == 2 * 2


def test_cut_vectors_have_unit_length():
    (found,) = cut([torch.tensor([[3.0, 4.0, 12.0]])], 2)
    assert found.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]


def test_depths_must_end_at_the_models_own(batch):
    with pytest.raises(TrainingError, match="the layers of the arm small end at 1, the base has 2; end at 2"):
        SubModels(batch.model, (1,), "small")

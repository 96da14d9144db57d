"""The library's losses of several layers: what is noted of them."""

import random

import pytest
import torch

from mrl_search.training import Arm
from mrl_search.training.objective import objective


def test_the_last_layers_widths_are_noted_and_the_whole_holds_more(batch):
    arm = Arm("layers", (4, 16), method="adaptive-layer")
    loss, noted = objective(batch.recipe(arm), arm, batch.model)
    value = loss(batch.features(), None).item()
    row = noted.row()
    assert (row["loss@4"], row["loss@16"]) == pytest.approx((batch.info_nce(2, 4), batch.info_nce(2, 16)), rel=1e-4)
    assert row["loss"] == pytest.approx(value)
    assert value > row["loss@4"] + row["loss@16"]


def test_of_the_librarys_2d_loss_the_whole_is_noted(batch):
    arm = Arm("2d", (4, 16), method="matryoshka2d")
    loss, noted = objective(batch.recipe(arm), arm, batch.model)
    random.seed(3)
    value = loss(batch.features(), None)
    assert noted.row() == {"loss": pytest.approx(value.item())}
    assert any(slope.abs().sum() > 0 for slope in batch.gradients(value).values())
    assert torch.isfinite(value)

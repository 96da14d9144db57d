"""2DMSE beside the same computed by hand from sub-models that were cut one by one."""

import random

import pytest
import torch

from mrl_search.training import Arm
from mrl_search.training.objective import objective

ARM = Arm("2dmse", (4, 8, 16), method="2dmse")


def test_the_loss_is_of_all_and_of_the_drawn_layer_at_full_and_at_the_drawn_width(batch, kl):
    loss, noted = objective(batch.recipe(ARM), ARM, batch.model)
    found = loss(batch.features(), None).item()
    row = noted.row()
    layer, dim = int(row["drawn layer"]), int(row["drawn width"])
    assert layer == 1
    assert dim in (4, 8)
    deep, shallow = batch.vectors(2), batch.vectors(1)
    apart = sum(kl(one, other) for one, other in zip(deep, shallow, strict=True)) / 2
    by_hand = {
        "loss@16": batch.info_nce(2, 16),
        "loss@drawn layer": batch.info_nce(1, 16),
        "loss@drawn width": batch.info_nce(2, dim),
        "loss@both": batch.info_nce(1, dim),
        "divergence": apart,
    }
    assert {name: row[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-3, abs=1e-6)
    assert found == pytest.approx(sum(by_hand.values()), rel=1e-4)


def test_every_narrower_width_is_drawn_in_time_and_the_full_one_never(batch):
    loss, noted = objective(batch.recipe(ARM), ARM, batch.model)
    random.seed(1)
    drawn = set()
    with torch.no_grad():
        for _ in range(20):
            loss(batch.features(), None)
            drawn.add(noted.row()["drawn width"])
    assert drawn == {4, 8}


def test_the_deep_vectors_learn_nothing_from_the_divergence(batch):
    slopes = []
    for alignment in (0.0, 1000.0):
        arm = Arm("2dmse", (4, 16), method="2dmse", alignment=alignment)
        loss, _ = objective(batch.recipe(arm), arm, batch.model)
        slopes.append(batch.gradients(loss(batch.features(), None)))
    deep, shallow = (f"0.model.encoder.layer.{n}.output.dense.weight" for n in (1, 0))
    torch.testing.assert_close(slopes[0][deep], slopes[1][deep])
    assert not torch.allclose(slopes[0][shallow], slopes[1][shallow], rtol=1e-3)

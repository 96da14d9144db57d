"""Starbucks beside the same computed by hand from sub-models that were cut one by one."""

import dataclasses

import pytest
import torch

from mrl_search.errors import TrainingError
from mrl_search.training import Arm
from mrl_search.training.methods.starbucks import score_divergence
from mrl_search.training.objective import objective

ARM = Arm("starbucks", (4, 16), method="starbucks", layers=(1, 2))
SCALE = 10.0


def test_the_loss_is_that_of_each_size_and_the_divergence_of_the_small_ones_scores(batch, kl):
    loss, noted = objective(batch.recipe(ARM), ARM, batch.model)
    found = loss(batch.features(), None).item()
    small, full = batch.info_nce(1, 4), batch.info_nce(2, 16)
    apart = kl(SCALE * batch.scores(2, 16), SCALE * batch.scores(1, 4))
    assert noted.row() == pytest.approx(
        {"loss@1:4": small, "divergence@1:4": apart, "loss@16": full, "loss": small + apart + full}, rel=1e-4
    )
    assert found == pytest.approx(small + apart + full, rel=1e-4)


def test_weights_alignment_and_temperature_are_the_arms(batch, kl):
    arm = dataclasses.replace(ARM, weights=(3.0, 1.0), mean=True, alignment=2.0, temperature=0.5)
    loss, _ = objective(batch.recipe(arm), arm, batch.model)
    apart = kl(batch.scores(2, 16) / 0.5, batch.scores(1, 4) / 0.5)
    wanted = 0.75 * (batch.info_nce(1, 4) + 2 * apart) + 0.25 * batch.info_nce(2, 16)
    assert loss(batch.features(), None).item() == pytest.approx(wanted, rel=1e-4)


def test_the_full_model_learns_nothing_from_the_divergence_and_the_small_one_does(batch):
    slopes = []
    for alignment in (0.0, 1.0):
        arm = dataclasses.replace(ARM, alignment=alignment)
        loss, _ = objective(batch.recipe(arm), arm, batch.model)
        slopes.append(batch.gradients(loss(batch.features(), None)))
    deep, shallow = (f"0.model.encoder.layer.{n}.output.dense.weight" for n in (1, 0))
    torch.testing.assert_close(slopes[0][deep], slopes[1][deep])
    assert not torch.allclose(slopes[0][shallow], slopes[1][shallow], rtol=1e-3)


def test_scored_pairs_have_a_loss_and_a_divergence_too(batch):
    loss, noted = objective(batch.recipe(ARM, loss="cosent"), ARM, batch.model)
    value = loss(batch.features(), torch.tensor([0.0, 1.0, 2.0, 3.0]))
    row = noted.row()
    assert value.item() == pytest.approx(row["loss@1:4"] + row["divergence@1:4"] + row["loss@16"], rel=1e-5)
    assert row["divergence@1:4"] > 0


def test_a_classifier_of_labels_is_trained_at_every_size(batch):
    loss, noted = objective(batch.recipe(ARM, loss="softmax"), ARM, batch.model, 3)
    loss(batch.features(), torch.tensor([0, 1, 2, 1])).backward()
    assert {"loss@1:4", "loss@16"} <= set(noted.row())
    assert all(p.grad is not None for name, p in loss.named_parameters() if "_own" in name)


def test_equal_scores_diverge_by_nothing_and_the_second_columns_are_the_distribution():
    assert score_divergence(torch.zeros(2, 3), torch.zeros(2, 3), 0.1).item() == 0
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[torch.log(torch.tensor(3.0)), 0.0]])
    # softmaxes (1/2, 1/2) and (3/4, 1/4): .75 ln 1.5 + .25 ln .5
    assert score_divergence(student, teacher, 1.0).item() == pytest.approx(0.75 * 0.405465 - 0.25 * 0.693147, abs=1e-5)


def test_layers_that_do_not_end_where_the_base_does_are_refused(batch):
    arm = dataclasses.replace(ARM, layers=(1, 3))
    with pytest.raises(TrainingError, match="the layers of the arm starbucks end at 3, the base has 2; end at 2"):
        objective(batch.recipe(arm), arm, batch.model)


def test_the_models_card_says_the_trained_widths(batch):
    loss, _ = objective(batch.recipe(ARM), ARM, batch.model)
    assert loss.get_config_dict()["matryoshka_dims"] == [4, 16]

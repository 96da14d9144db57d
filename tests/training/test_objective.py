"""Losses of an arm against the same computed by hand, without dropout."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from mrl_search.encoders import load_model
from mrl_search.errors import TrainingError
from mrl_search.training import Arm, Source, TrainRecipe
from mrl_search.training.objective import objective

TEXTS = [["word1 word2", "word3", "word4 word5 word6", "word7"], ["word2", "word3 word8", "word5", "word9 word7"]]
MRL = Arm("mrl", (4, 8, 16), weights=(3.0, 2.0, 1.0))


def recipe_of(base, **told):
    return TrainRecipe(base=str(base), data=(Source("d"),), arms=(MRL,), steps=1, batch=4, **told)


def model_of(folder):
    return load_model(str(folder)).eval()


def features(model):
    return [model.preprocess(side) for side in TEXTS]


def unit_prefixes(model, dim):
    sides = [model.encode(side)[:, :dim].astype(np.float64) for side in TEXTS]
    return [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]


def info_nce(model, dim, scale):
    queries, documents = unit_prefixes(model, dim)
    scores = scale * queries @ documents.T
    return float(np.mean(logsumexp(scores, axis=1) - np.diag(scores)))


def widths(noted):
    row = noted.row()
    return [row[f"loss@{dim}"] for dim in MRL.dims]


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_the_loss_is_the_weighted_sum_of_info_nce_of_normalised_prefixes(tiny):
    model = model_of(tiny)
    loss, noted = objective(recipe_of(tiny, scale=15.0), MRL, model)
    found = loss(features(model), None).item()
    by_hand = [info_nce(model, dim, 15.0) for dim in MRL.dims]
    assert widths(noted) == pytest.approx(by_hand, rel=1e-4)
    assert found == pytest.approx(np.dot(MRL.weights, by_hand), rel=1e-4)


def test_gradcache_gives_the_same_losses_and_gradients(tiny):
    model = model_of(tiny)
    found = []
    for mini_batch in (0, 2):
        loss, noted = objective(recipe_of(tiny, mini_batch=mini_batch), MRL, model)
        value = loss(features(model), None)
        found.append((value.item(), widths(noted), gradients(model, value)))
    (whole, told, slopes), (pieces, other_told, other_slopes) = found
    assert pieces == pytest.approx(whole, rel=1e-5)
    assert other_told == pytest.approx(told, rel=1e-5)
    assert set(slopes) == set(other_slopes)
    for name, slope in slopes.items():
        torch.testing.assert_close(other_slopes[name], slope, rtol=1e-3, atol=1e-5)


def test_a_tied_head_is_the_first_columns_of_one_and_own_heads_are_one_a_width(tiny):
    model = model_of(tiny)
    labels = torch.tensor([0, 1, 2, 1])
    for head, sizes in (("own", {12, 24, 48}), ("tied", {48})):
        loss, noted = objective(recipe_of(tiny, loss="softmax", head=head), MRL, model, 3)
        found = {tuple(p.shape) for name, p in loss.named_parameters() if name.endswith("weight") and p.shape[0] == 3}
        assert {width for _, width in found} == sizes
        loss(features(model), labels)
        assert len(widths(noted)) == 3


def test_a_tied_head_at_a_width_is_the_cross_entropy_of_the_cut_features(tiny):
    model = model_of(tiny)
    labels = torch.tensor([0, 1, 2, 1])
    torch.manual_seed(1)
    loss, noted = objective(recipe_of(tiny, loss="softmax", head="tied"), MRL, model, 3)
    loss(features(model), labels)
    (weight,) = (p for name, p in loss.named_parameters() if name.endswith("_tied.weight"))
    (bias,) = (p for name, p in loss.named_parameters() if name.endswith("_tied.bias"))
    first, second = unit_prefixes(model, 4)
    parts = [first, second, np.abs(first - second)]
    logits = bias.detach().numpy() + sum(
        part @ weight.detach().numpy()[:, 16 * place : 16 * place + 4].T for place, part in enumerate(parts)
    )
    by_hand = np.mean(logsumexp(logits, axis=1) - logits[np.arange(4), labels.numpy()])
    assert widths(noted)[0] == pytest.approx(by_hand, rel=1e-4)


def test_a_width_beyond_the_models_is_refused_with_both_numbers(tiny):
    with pytest.raises(TrainingError, match="asks for 32 dims, .* gives 16; end its dims at 16"):
        objective(recipe_of(tiny), Arm("wide", (32,)), model_of(tiny))

"""The residual MLP: what it begins as, and that pairs come after documents."""

import dataclasses

import numpy as np
import pytest
import torch

from mrl_search.adapters import Settings, fit_adapter
from mrl_search.adapters.losses import rank_loss
from mrl_search.adapters.matryoshka_adaptor import Mlp

SETTINGS = Settings((4, 8), steps=30, batch=32, rate=1e-2)


def test_rows_go_past_the_hidden_layer_and_what_it_says_is_added():
    mlp = Mlp(*map(torch.tensor, ([[1.0, 0], [0, -1]], [0.5, 0], [[2.0, 0], [0, 3]], [0.0, 1])))
    # hidden: relu(1 + .5, -2) = (1.5, 0); (1, 2) + (3, 0) + (0, 1)
    assert mlp(torch.tensor([[1.0, 2.0]])).tolist() == [[4.0, 3.0]]


def test_what_is_fitted_is_what_the_mlp_says_brought_to_length_1(material):
    adapter = fit_adapter("matryoshka-adaptor", material, SETTINGS)
    mlp = Mlp(*(torch.from_numpy(adapter.tensors[name]) for name in Mlp._fields))
    rows = mlp(torch.from_numpy(material.documents[:20])).numpy()
    wanted = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert adapter.apply(material.documents[:20]) == pytest.approx(wanted, abs=1e-6)


def test_pairs_are_learned_from_after_the_documents(material, unlabelled):
    def lost(adapter):
        sides = (torch.from_numpy(adapter.apply(side)) for side in (material.queries, material.positives))
        return rank_loss(*sides, (4, 8, 16)).item()

    alone, taught = (fit_adapter("matryoshka-adaptor", rows, SETTINGS) for rows in (unlabelled, material))
    assert lost(taught) < 0.95 * lost(alone)


def test_a_step_takes_half_a_batch_at_random_and_one_near_neighbour_of_each(material, monkeypatch):
    from mrl_search.adapters import matryoshka_adaptor

    seen = []
    real = matryoshka_adaptor.near_loss
    monkeypatch.setattr(
        matryoshka_adaptor, "near_loss", lambda before, *rest: seen.append(before) or real(before, *rest)
    )
    fit_adapter("matryoshka-adaptor", material, dataclasses.replace(SETTINGS, steps=1))
    (rows, near) = seen[0]
    assert (rows.shape, near.shape) == ((16, 16), (16, 1, 16))
    cosines = rows @ torch.from_numpy(material.documents).T
    tenth = cosines.topk(11, dim=1).values[:, -1]  # itself and ten others
    assert ((rows * near[:, 0]).sum(dim=1) >= tenth - 1e-6).all()

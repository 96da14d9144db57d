"""One matrix, trained by pairs: at all widths, or at the full one alone."""

import dataclasses

import numpy as np
import pytest

from mrl_search.adapters import Settings, fit_adapter
from mrl_search.errors import AdapterError
from mrl_search.vectors import prefix

SETTINGS = Settings((4, 8), steps=100, batch=32, rate=1e-2)


def found(adapter, material, width):
    """Of queries, the share whose positive is the nearest of all by a prefix."""
    queries, positives = (prefix(adapter.apply(side), width) for side in (material.queries, material.positives))
    return np.mean((queries @ positives.T).argmax(axis=1) == np.arange(len(queries)))


def test_a_prefix_finds_more_of_the_pairs_by_the_one_that_was_trained_at_it(material):
    mrl, baseline = (fit_adapter(method, material, SETTINGS) for method in ("linear-mrl", "linear-baseline"))
    assert found(mrl, material, 4) > found(baseline, material, 4) + 0.1
    assert found(baseline, material, 16) == 1.0


def test_the_first_step_of_both_is_a_step_of_adam_from_the_identity_along_their_own_losses(material):
    once = dataclasses.replace(SETTINGS, steps=1)
    for method in ("linear-mrl", "linear-baseline"):
        moved = fit_adapter(method, material, once).tensors["matrix"] - np.eye(16, dtype=np.float32)
        assert np.abs(moved) == pytest.approx(np.full((16, 16), 1e-2), rel=1e-2)


def test_a_loss_that_explodes_ends_it_with_its_step(material, monkeypatch):
    import torch

    monkeypatch.setattr("mrl_search.adapters.linear.contrastive_loss", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(AdapterError, match="the loss of step 1 is nan; take a smaller --rate"):
        fit_adapter("linear-mrl", material, SETTINGS)

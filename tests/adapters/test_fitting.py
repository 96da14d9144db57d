"""Every method on small vectors: what it gains, that it is the same again, and what it refuses."""

import dataclasses

import numpy as np
import pytest

from mrl_search.adapters import METHODS, NEEDS_PAIRS, Material, Settings, fit_adapter
from mrl_search.errors import AdapterError
from mrl_search.fidelity import held, nearest
from mrl_search.vectors import prefix

WIDTHS = (4, 8)
SETTINGS = Settings(WIDTHS, steps=100, batch=32, rate=1e-2)


def kept(before, after, width):
    """Of the ten nearest of every fifth row among the others, the share that prefixes keep."""
    asked = np.arange(len(before)) % 5 == 0
    true = nearest(before[asked], before[~asked], 10)
    return held(prefix(after[asked], width), prefix(after[~asked], width), true, (10,)).mean()


@pytest.mark.parametrize("method", METHODS)
def test_prefixes_keep_more_neighbours_than_those_of_the_frozen_vectors(method, material):
    if method == "linear-baseline":
        pytest.skip("it is not trained at any prefix")
    adapter = fit_adapter(method, material, SETTINGS, "some-encoder")
    assert (adapter.fitted.method, adapter.fitted.widths, adapter.fitted.encoder) == (method, WIDTHS, "some-encoder")
    before, after = material.documents, adapter.apply(material.documents)
    assert kept(before, after, 4) > 2 * kept(before, before, 4)  # .05


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_and_another_something_else(method, material):
    settings = dataclasses.replace(SETTINGS, steps=20)
    first, again = (fit_adapter(method, material, settings) for _ in range(2))
    other = fit_adapter(method, material, dataclasses.replace(settings, seed=1))
    assert first.digest == again.digest != other.digest


@pytest.mark.parametrize("method", [method for method in METHODS if method not in NEEDS_PAIRS])
def test_documents_are_enough(method, unlabelled):
    adapter = fit_adapter(method, unlabelled, dataclasses.replace(SETTINGS, steps=20))
    assert adapter.apply(unlabelled.documents).shape == unlabelled.documents.shape


def test_pairs_are_enough(material):
    pairs = Material(material.documents[:0], material.queries, material.positives)
    assert {fit_adapter(method, pairs, dataclasses.replace(SETTINGS, steps=20)).dim for method in METHODS} == {16}


@pytest.mark.parametrize("method", METHODS)
def test_full_width_cosines_stay_near_what_they_were_without_pairs(method, material):
    adapter = fit_adapter(method, material, dataclasses.replace(SETTINGS, steps=1, rate=1e-6))
    before, after = material.documents[:50], adapter.apply(material.documents[:50])
    assert np.abs(before @ before.T - after @ after.T).max() < 1e-3  # all begin as the identity, or are orthogonal


@pytest.mark.parametrize("method", METHODS)
def test_what_begins_in_principal_axes_is_them_before_the_first_step(method, material):
    settings = dataclasses.replace(SETTINGS, start="pca", steps=1, rate=1e-6, kind="pca")
    pca = fit_adapter("rotation", material, settings)
    before, after = pca.apply(material.documents), fit_adapter(method, material, settings).apply(material.documents)
    if method == "smec":  # selects; what it selects first, and keeps, may be others
        assert np.abs(before @ before.T - after @ after.T).max() < 1e-3
    else:
        assert np.abs(before - after).max() < 1e-3


def test_what_cannot_be_fitted_is_refused(material, unlabelled):
    with pytest.raises(AdapterError, match="there is no adapter 'x'; choose one of rotation"):
        fit_adapter("x", material, SETTINGS)
    with pytest.raises(AdapterError, match="linear-mrl is fitted to at least 32 pairs, found 0"):
        fit_adapter("linear-mrl", unlabelled, SETTINGS)
    with pytest.raises(AdapterError, match="16 dims; the widths must be below, found 16"):
        fit_adapter("smec", material, Settings((4, 16)))
    with pytest.raises(AdapterError, match="name a width at least"):
        fit_adapter("smec", material, Settings(()))
    few = Material(material.documents, material.queries[:5], material.positives[:5])
    with pytest.raises(AdapterError, match="at least 32 pairs, or none; found 5"):
        fit_adapter("smec", few, SETTINGS)


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_are_all_the_same_teach_nothing(method, material):
    same = np.repeat(material.documents[:1], 40, axis=0)
    with pytest.raises(AdapterError, match="all 40 vectors of .* are the same; there is nothing to fit to"):
        fit_adapter(method, Material(same, same, material.positives[:40]), SETTINGS)

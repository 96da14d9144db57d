"""A rotation as an adapter: what a build fits, orthogonal, by documents alone."""

import dataclasses

import numpy as np
import pytest

from mrl_search.adapters import Material, Settings, fit_adapter
from mrl_search.rotations import fit

SETTINGS = Settings((4, 8), seed=3)


@pytest.mark.parametrize("kind", ["pca", "random", "permuted"])
def test_a_rotation_may_be_of_another_kind(kind, material):
    adapter = fit_adapter("rotation", material, dataclasses.replace(SETTINGS, kind=kind))
    matrix = adapter.tensors["matrix"]
    assert np.abs(matrix @ matrix.T - np.eye(16)).max() < 1e-5


def test_it_is_what_a_build_fits_to_the_same_documents(material):
    adapter = fit_adapter("rotation", material, SETTINGS)
    wanted = fit("learned", material.documents, (4, 8), seed=3).rotation.matrix
    assert (adapter.tensors["matrix"] == wanted).all()


def test_pairs_are_of_no_account_unless_there_is_nothing_else(material, unlabelled):
    pca = dataclasses.replace(SETTINGS, kind="pca")
    assert fit_adapter("rotation", material, pca).digest == fit_adapter("rotation", unlabelled, pca).digest
    pairs = Material(material.documents[:0], material.queries, material.positives)
    wanted = fit("pca", material.positives, (4, 8)).rotation.matrix
    assert (fit_adapter("rotation", pairs, pca).tensors["matrix"] == wanted).all()

"""Documents that came last, of another kind than those the rotation was fitted to, are seen to lose more."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import mrl_search
from mrl_search.cli import main
from mrl_search.drift import Drift, drift
from mrl_search.indexes import open_index
from mrl_search.living import AddOptions, add, compact
from mrl_search.vectors import unit


@pytest.fixture
def give(tmp_path):
    """Writes ids and vectors."""

    def write(ids, vectors):
        (tmp_path / "ids.txt").write_text("".join(f"{one}\n" for one in ids))
        np.save(tmp_path / "v.npy", vectors)
        return f"ids:{tmp_path / 'ids.txt'}", tmp_path / "v.npy"

    return write


def of_kind(count, first, seed):
    """Vectors of 48 dims that vary in 16 of them only, from `first` on, and a little in all."""
    random = np.random.default_rng(seed)
    vectors = 0.05 * random.standard_normal((count, 48))
    vectors[:, first : first + 16] += random.standard_normal((count, 16))
    return unit(vectors.astype(np.float32))


def test_a_rotation_that_does_not_serve_new_documents_is_told_and_fitted_anew(tmp_path, give):
    ids, vectors = give(range(1_500), of_kind(1_500, 0, 1))
    options = mrl_search.BuildOptions(vectors=vectors, rotation="pca")
    folder = mrl_search.build(ids, tmp_path / "index", dims=(16, 48), options=options)
    assert not found_in(folder).is_drifting
    ids, vectors = give(range(5_000, 6_500), of_kind(1_500, 32, 2))
    add(folder, ids, options=AddOptions(vectors=vectors))
    before = found_in(folder)
    assert before.is_drifting
    assert before.recent < 0.7 < 0.9 < before.older
    told = CliRunner().invoke(main, ["info", str(folder), "--drift"])
    assert "drift" in told.stdout
    assert "fit anew: mrl-search compact --refit" in told.stdout
    compact(folder, refit=True, rotation="pca", prefix="auto")
    after = found_in(folder)
    assert after.recent > before.recent + 0.1
    assert (
        json.loads(CliRunner().invoke(main, ["info", str(folder), "--drift", "--json"]).stdout)["drift"]["asked"] == 200
    )


def found_in(folder):
    stored = open_index(folder)
    try:
        return drift(stored)
    finally:
        stored.close()


def test_of_few_documents_nothing_is_said(tmp_path, give):
    ids, vectors = give(range(99), of_kind(99, 0, 1))
    folder = mrl_search.build(ids, tmp_path / "index", dims=(16, 48), options=mrl_search.BuildOptions(vectors=vectors))
    assert found_in(folder) is None
    assert CliRunner().invoke(main, ["info", str(folder), "--drift"]).exit_code == 0


@pytest.mark.parametrize(
    "recent, older, error, wanted",
    [(0.95, 0.97, 0.005, True), (0.95, 0.97, 0.011, False), (0.965, 0.97, 0.001, False), (0.99, 0.97, 0.001, False)],
)
def test_drift_is_a_loss_that_is_sure_and_matters(recent, older, error, wanted):
    assert Drift(recent, older, error, 200, 10).is_drifting == wanted

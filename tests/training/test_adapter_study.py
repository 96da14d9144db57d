"""A whole comparison of adapters on a tiny model: fitted, measured, compared, written, told."""

import numpy as np
import pytest
from click.testing import CliRunner
from small_adapters import ARMS, WIDTHS, recipe_of

from mrl_search.adapter import ABOUT
from mrl_search.cli import main
from mrl_search.training import Study, markdown
from mrl_search.training.adapter_study import adapter_study


@pytest.fixture(scope="module")
def studied(tiny, shared_data_folder):
    """The comparison, and its folder."""
    found = adapter_study(recipe_of(tiny), str(tiny), shared_data_folder, shared_data_folder / "out")
    return found, shared_data_folder


def test_every_arm_is_measured_at_every_width_and_compared_with_the_first(studied):
    found, _ = studied
    runs = 2 * 3 + 1 + 1  # truncation and principal axes draw nothing: one seed is enough
    assert len(found.measured) == runs * (len(WIDTHS) + 1)
    assert len(found.compared) == len(ARMS) * (len(WIDTHS) + 1)  # one of those behind the first has a rival besides
    assert all(one.per_query == () for one in found.measured)
    means = {(one.arm, one.seed): one.mean for one in found.measured if one.dim == 4}
    first, named = (one for one in found.compared if (one.arm, one.dim) == ("linear", 4))
    assert (first.against, named.against) == ("rotation", "truncate")
    wanted = np.mean([means["linear", seed] - means["rotation", seed] for seed in (0, 1)])
    assert first.difference.mean == pytest.approx(wanted, abs=1e-6)
    wanted = np.mean([means["linear", seed] - means["truncate", 0] for seed in (0, 1)])
    assert named.difference.mean == pytest.approx(wanted, abs=1e-6)
    full = {one.arm: one.mean for one in found.measured if one.dim == 16 and one.seed == 0}
    assert full["rotation"] == full["truncate"] == full["pca"]  # no full-width cosine changes
    assert len(found.notes) == runs - 1
    assert all("at full width" in note for note in found.notes)
    assert found.overlaps["tiny"]["of"] == 12


def test_what_is_fitted_is_not_fitted_again_and_what_needs_pairs_alone_serves_all_collections(tiny, studied):
    first, folder = studied
    assert (folder / "out" / "pairs" / "linear-seed0" / ABOUT).exists()
    assert (folder / "out" / "tiny" / "judged-seed1" / ABOUT).exists()
    again = adapter_study(recipe_of(tiny), str(tiny), folder, folder / "out")
    assert (again.measured, again.step_seconds) == (first.measured, first.step_seconds)


def test_the_command_writes_a_result_for_each_encoder(tiny, collection, monkeypatch):
    monkeypatch.chdir(collection)
    recipe = f"""
encoders = ["{tiny}"]
widths = [4]
steps = 2
seeds = [0, 1]

[[arms]]
name = "rotation"
method = "rotation"

[[arms]]
name = "truncate"
method = "none"

[judged]
folder = "beir"
datasets = ["tiny"]
rotations = ["none"]
"""
    (collection / "small.toml").write_text(recipe)
    done = CliRunner().invoke(main, ["adapt", "--compare", "small.toml", "--seed", "1", "--results", "r", "--out", "o"])
    assert done.exit_code == 0, done.output
    assert "tiny, nDCG@10, rotation none" in done.output
    (result,) = (collection / "r").glob("small-*.json")
    found = Study.read(result)
    assert {one.seed for one in found.measured} == {1}
    assert "| truncate − rotation |" in markdown(found)


def test_compare_takes_all_else_from_the_recipe(tmp_path):
    done = CliRunner().invoke(main, ["adapt", "--compare", "x.toml", "--batch", "3", "--dims", "4"])
    assert done.exit_code == 2
    assert "the recipe says all of that; leave out batch, dims" in done.output

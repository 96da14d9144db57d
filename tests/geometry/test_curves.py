import numpy as np
import pytest
from runs import STEPS, falling, run

from mrl_search.errors import TrainingError
from mrl_search.geometry import Dynamics, dynamics
from mrl_search.geometry.curves import converged, course, smoothed


def test_a_loss_has_converged_when_no_later_mean_of_20_lies_a_tenth_of_the_fall_from_its_end():
    # the fall is 9; a window holds too many tens until two or more of its 20 are: 2 · 9 / 20 = .9, and .9 is a tenth
    assert converged(falling(101), STEPS) == pytest.approx(118, abs=1)


def test_a_loss_that_only_wobbles_has_not_converged_but_never_fell():
    assert converged(1 + 0.1 * np.random.default_rng(0).standard_normal(200), STEPS) is None


def test_a_loss_that_rises_has_not_fallen():
    assert converged(falling(100)[::-1].copy(), STEPS) is None


def test_a_later_bump_puts_convergence_after_it():
    values = falling(50)
    values[150:155] = 10
    assert converged(values, STEPS) > 155


def test_means_are_of_20_steps_or_of_all_where_there_are_fewer():
    assert len(smoothed(STEPS)) == 181
    assert smoothed(STEPS)[0] == 10.5
    assert smoothed(np.array([1.0, 3.0])).tolist() == [2.0]


def test_a_course_has_losses_by_width_and_norms_by_layer_and_block():
    found = course(
        "a", {"step": STEPS, "loss@8": falling(50), "gradient[0:4]": np.full(200, 6.0), "update:layer 0": STEPS}
    )
    (fall,), (block, update) = found.falls, found.norms
    assert (fall.dim, fall.first, fall.last) == (8, 10.0, 1.0)
    assert (block.what, block.mean, block.per_dim) == ("gradient[0:4]", 6.0, 3.0)
    assert (update.early, update.late, update.per_dim) == (33.5, 167.5, None)


def test_steps_that_float16_left_out_are_left_out_of_norms():
    values = np.full(200, 2.0)
    values[3] = np.inf
    assert course("a", {"step": STEPS, "gradient:layer 0": values}).norms[0].mean == 2.0


def test_runs_are_set_beside_one_another_and_other_seeds_found(tmp_path):
    first, second = run(tmp_path, "baseline-seed0", (16,)), run(tmp_path, "mrl-seed0", gradient=2.0)
    run(tmp_path, "mrl-seed1", seed=1, gradient=2.2)
    found = dynamics([first, second / "model"])
    assert [one.name for one in found.runs] == ["baseline-seed0", "mrl-seed0"]
    assert [one.name for one in found.seeds] == ["mrl-seed1"]
    assert [fall.converged for fall in found.runs[1].falls] == sorted(fall.converged for fall in found.runs[1].falls)
    assert Dynamics.from_json(found.to_json(), "here") == found


def test_one_seed_says_that_noise_is_unknown(tmp_path):
    found = dynamics([run(tmp_path, "a-seed0"), run(tmp_path, "b-seed0")])
    assert found.notes == (
        "no other seed of these arms was found: how far seeds alone move these figures is not known",
    )


def test_a_folder_without_a_record_is_an_error_that_says_what_was_wanted(tmp_path):
    with pytest.raises(TrainingError, match=r"holds no dynamics\.parquet; wanted a run of mrl-search train"):
        dynamics([tmp_path])


def test_a_run_of_several_depths_has_the_losses_of_its_sub_models_the_whole_last():
    curves = {"step": STEPS, "loss@16": falling(50), "loss@1:4": falling(30), "loss@10:8": falling(40)}
    found = course("starbucks", curves | {"divergence@1:4": falling(20), "loss@drawn width": falling(20)})
    assert [(fall.layers, fall.dim) for fall in found.falls] == [(1, 4), (10, 8), (None, 16)]


def test_a_run_of_drawn_sizes_says_that_its_losses_are_of_no_size(tmp_path):
    found = dynamics([run(tmp_path, "2d-seed0", ())])
    assert found.runs[0].falls == ()
    assert "2d-seed0: a step's loss is of sizes drawn for it" in found.notes[0]

import numpy as np
import pytest
from runs import STEPS, falling, run

from mrl_search.errors import TrainingError
from mrl_search.geometry import Dynamics, dynamics
from mrl_search.geometry.curves import course, fell, settled, smoothed
from mrl_search.training.dynamics import write_rows


def test_a_loss_has_converged_when_no_later_mean_of_20_lies_a_tenth_of_the_fall_from_its_end():
    # the fall is 9; a window holds too many tens until two or more of its 20 are: 2 · 9 / 20 = .9, and .9 is a tenth
    assert settled(falling(101), STEPS) == pytest.approx(118, abs=1)


def test_a_loss_that_falls_as_fast_at_the_end_as_at_the_start_has_not_converged_there():
    # its mean of 20 comes within a tenth of the fall of its last one after nine tenths of the way
    assert settled(200 - STEPS, STEPS) is None
    assert fell(200 - STEPS) == 180


def test_a_loss_that_falls_in_the_last_third_has_not_converged_and_one_before_it_has():
    # a window whose last step is two thirds of the run is the last that may be the first to stay near the end
    assert settled(falling(114), STEPS) == 132
    assert settled(falling(116), STEPS) is None


def test_a_loss_that_only_wobbles_has_not_converged_but_never_fell():
    values = 1 + 0.1 * np.random.default_rng(0).standard_normal(200)
    assert (settled(values, STEPS), fell(values)) == (None, None)


def test_a_loss_that_rises_has_not_fallen():
    values = falling(100)[::-1].copy()
    assert (settled(values, STEPS), fell(values)) == (None, None)


def test_a_later_bump_puts_convergence_after_it():
    values = falling(50)
    values[100:105] = 10
    assert settled(values, STEPS) == pytest.approx(123, abs=1)  # two of the tens are in windows up to step 123
    values[150:155] = 10
    assert settled(values, STEPS) is None


def test_a_run_too_short_to_say_so_says_it(tmp_path):
    found = dynamics([run(tmp_path, "a-seed0", (4, 120))])
    short, long = found.runs[0].falls
    assert (short.unsettled, long.unsettled) == (False, True)
    assert long.converged is None
    assert found.notes[0] == "a-seed0: the run ends too early to say where the losses marked 'not yet' converge"


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


def test_a_run_named_twice_is_refused_however_it_is_written(tmp_path):
    folder = run(tmp_path, "a-seed0")
    for again in (folder, folder / "model", tmp_path / "." / "a-seed0"):
        with pytest.raises(TrainingError, match="a-seed0 is named twice; name two runs, or one"):
            dynamics([folder, again])


def test_two_seeds_that_are_both_named_are_the_noise(tmp_path):
    found = dynamics([run(tmp_path, "a-seed0"), run(tmp_path, "a-seed1", seed=1)])
    assert found.seeds == ()
    assert found.notes == ("noise is of seeds, 2 of a; of so few it may well be larger",)


def test_runs_of_one_name_in_two_studies_are_two_arms(tmp_path):
    folders = []
    for study in ("first", "second"):
        (tmp_path / study).mkdir()
        folders.append(run(tmp_path / study, "a-seed0"))
    found = dynamics(folders)
    assert [one.name for one in found.runs] == ["first/a-seed0", "second/a-seed0"]
    assert "how far seeds alone move these figures is not known" in found.notes[0]


def test_a_folder_without_a_record_is_an_error_that_says_what_was_wanted(tmp_path):
    with pytest.raises(TrainingError, match=r"holds no dynamics\.parquet; wanted a run of mrl-search train"):
        dynamics([tmp_path])


def test_a_record_that_is_broken_or_of_something_else_is_told_in_one_line(tmp_path):
    (tmp_path / "dynamics.parquet").write_text("no Parquet")
    with pytest.raises(TrainingError, match=r"dynamics\.parquet cannot be read \(.*\); train the run again"):
        dynamics([tmp_path])
    write_rows([{"loss@8": 1.0}], tmp_path / "dynamics.parquet")
    with pytest.raises(TrainingError, match="is no record of steps"):
        dynamics([tmp_path])
    write_rows([{"step": 1.0, "loss@8": 1.0}, {"step": 2.0, "loss@8": np.nan}], tmp_path / "dynamics.parquet")
    with pytest.raises(TrainingError, match="loss@8 is no number at step 2"):
        dynamics([tmp_path])


def test_a_norm_that_overflows_at_every_step_is_left_out():
    assert course("a", {"step": STEPS, "gradient:layer 0": np.full(200, np.inf)}).norms == ()


def test_a_run_of_several_depths_has_the_losses_of_its_sub_models_the_whole_last():
    curves = {"step": STEPS, "loss@16": falling(50), "loss@1:4": falling(30), "loss@10:8": falling(40)}
    found = course("starbucks", curves | {"divergence@1:4": falling(20), "loss@drawn width": falling(20)})
    assert [(fall.layers, fall.dim) for fall in found.falls] == [(1, 4), (10, 8), (None, 16)]


def test_a_run_of_drawn_sizes_says_that_its_losses_are_of_no_size(tmp_path):
    found = dynamics([run(tmp_path, "2d-seed0", ())])
    assert found.runs[0].falls == ()
    assert "2d-seed0: a step's loss is of sizes drawn for it" in found.notes[0]

from runs import run

from mrl_search.geometry import courses, dynamics, shown_dynamics, write_shown


def test_runs_stand_side_by_side_with_their_ratio_and_what_seeds_differ_by(tmp_path):
    first, second = run(tmp_path, "baseline-seed0", (16,)), run(tmp_path, "mrl-seed0", gradient=2.0)
    run(tmp_path, "mrl-seed1", seed=1, gradient=2.2)
    found = dynamics([first, second])
    shown = shown_dynamics(found, courses([first, second]))
    table = shown.table
    assert "2 [2, 2]  2.00  10.0%" in " ".join(table.split()).replace("] ", "]  ").replace("2.00 ", "2.00  ")
    assert "unused" not in table
    assert "a run records the losses of the widths that it was trained for" in table
    for ending in ("json", "md", "html", "png"):
        write_shown(shown, tmp_path / f"d.{ending}")


def test_sub_models_have_their_lines_and_losses_those_of_other_seeds(tmp_path):
    widths = ("1:4", 16)
    first = run(tmp_path, "starbucks-seed0", widths)
    run(tmp_path, "starbucks-seed1", widths, seed=1)
    shown = shown_dynamics(dynamics([first]), courses([first]))
    lines = [line for line in shown.table.splitlines() if line.strip().startswith(("4, 1 layer ", "16 "))]
    assert len(lines) == 2
    assert all(line.count("(seeds: ") == 2 for line in lines)


def test_a_loss_that_had_not_come_to_rest_is_marked(tmp_path):
    folder = run(tmp_path, "a-seed0", (4, 120))
    table = shown_dynamics(dynamics([folder]), courses([folder])).table
    assert [line.split()[-1] for line in table.splitlines() if line.startswith(("4 ", "120 "))] == ["62", "yet"]

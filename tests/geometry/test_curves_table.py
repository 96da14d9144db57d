from runs import run

from mrl_search.geometry import dynamics, record, shown_dynamics, write_shown


def test_runs_stand_side_by_side_with_their_ratio_and_what_seeds_differ_by(tmp_path):
    first, second = run(tmp_path, "baseline-seed0", (16,)), run(tmp_path, "mrl-seed0", gradient=2.0)
    run(tmp_path, "mrl-seed1", seed=1, gradient=2.2)
    found = dynamics([first, second])
    shown = shown_dynamics(found, {"baseline-seed0": record(first), "mrl-seed0": record(second)})
    table = shown.table
    assert "2 [2, 2]  2.00  10.0%" in " ".join(table.split()).replace("] ", "]  ").replace("2.00 ", "2.00  ")
    assert "unused" not in table
    assert "a run records the losses of the widths that it was trained for" in table
    for ending in ("json", "md", "html", "png"):
        write_shown(shown, tmp_path / f"d.{ending}")

import json

from click.testing import CliRunner

from mrl_search.cli import main
from mrl_search.training.dynamics import write_rows


def test_two_runs_are_compared_and_written(tmp_path):
    for name, loss in (("a-seed0", 2.0), ("b-seed0", 3.0)):
        (tmp_path / name).mkdir()
        rows = [{"step": float(step), "loss@8": loss / step, "update:layer 0": 1.0} for step in range(1, 61)]
        write_rows(rows, tmp_path / name / "dynamics.parquet")
    words = [
        "dynamics",
        str(tmp_path / "a-seed0"),
        str(tmp_path / "b-seed0"),
        "--json",
        "--out",
        str(tmp_path / "d.svg"),
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert [run["name"] for run in json.loads(done.stdout)["runs"]] == ["a-seed0", "b-seed0"]
    assert (tmp_path / "d.svg").exists()


def test_what_is_no_run_is_an_error_in_one_line(tmp_path):
    done = CliRunner().invoke(main, ["dynamics", str(tmp_path)])
    assert (done.exit_code, "holds no dynamics.parquet" in done.output) == (1, True)

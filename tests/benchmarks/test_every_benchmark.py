"""Every benchmark at least begins: what it imports is there, and it says what it wants. Those that can do little, do it."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))
SHARED = {"at_rate", "gpu_encoding", "ray_demands"}  # no commands: what others import


@pytest.fixture(autouse=True)
def _as_a_script(monkeypatch):
    """The folder of the script comes first on the path; what is imported from it is forgotten after."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(ROOT / "benchmarks")):
            del sys.modules[name]


def test_there_are_benchmarks():
    assert len(BENCHMARKS) > 20


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_it_is_imported_and_says_what_it_wants(path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [path.name, "--help"])
    if path.stem in SHARED:
        runpy.run_path(str(path))
        return
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


def run(monkeypatch, name, *words):
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py"), run_name="__main__")


def test_steps_of_the_arms_are_timed_beside_one_another(tiny, tmp_path, monkeypatch, capsys):
    lines = (f'{{"query": "word{n}", "positive": "word{n} word{n + 1}"}}' for n in range(40))
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    (tmp_path / "r.toml").write_text(
        f'base = "{tiny}"\nsteps = 1\nbatch = 8\n[[data]]\npath = "pairs.jsonl"\n'
        '[[arms]]\nname = "baseline"\ndims = [16]\n[[arms]]\nname = "mrl"\ndims = [4, 16]\n'
    )
    run(monkeypatch, "train_step", tmp_path / "r.toml", "--data", tmp_path, "--steps", 2)
    head, baseline, mrl = capsys.readouterr().out.splitlines()
    assert "2 steps of 8 pairs, float32" in head
    assert baseline.endswith("1.000 × the first's")
    assert mrl.startswith("mrl ")


def test_geometry_in_one_pass_is_what_it_is_width_by_width(tmp_path, monkeypatch, capsys):
    np.random.default_rng(0).standard_normal((300, 16)).astype(np.float32).tofile(tmp_path / "v.f32")
    run(monkeypatch, "geometry", tmp_path / "v.f32", "--rows", 300, "--dim", 16)
    told = [line for line in capsys.readouterr().out.splitlines() if "of the value apart" in line]
    assert len(told) == 5
    assert all(float(line.split()[3]) < 1e-3 for line in told)

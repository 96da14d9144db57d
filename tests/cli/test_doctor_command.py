"""mrl-search doctor, as a user meets it."""

import json

import numpy as np
import pytest
from calls import call

from mrl_search.vectors import unit


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "v.npy"
    np.save(path, unit(np.random.default_rng(0).standard_normal((300, 32)).astype(np.float32)))
    return str(path)


def test_doctor_prints_the_verdict_first_then_a_line_a_width(vectors):
    lines = call("doctor", vectors).stdout.splitlines()
    assert lines[0] == f"{vectors}: 32 dims, 300 of 300 rows of {vectors}"
    assert lines[2].startswith("verdict         nothing to cut: random vectors: ")
    assert [line.split()[0] for line in lines if line[:4].strip().isdigit()] == ["8", "16", "32"]


def test_doctor_as_json_and_as_a_picture(vectors, tmp_path):
    pytest.importorskip("matplotlib")
    found = json.loads(call("doctor", vectors, "--json", "--plot", str(tmp_path / "curve.png")).stdout)
    assert found["dims"] == [32]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_drawn_is_refused_before_the_work(tmp_path):
    assert "a picture is a .png or an .svg" in call("doctor", "hashing:64", "--plot", "curve.gif", code=1).stderr

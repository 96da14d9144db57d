"""mrl-search tune, as a user meets it."""

import json

import numpy as np
import pytest
from calls import call

from mrl_search.vectors import unit


@pytest.fixture
def index(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("v.npy", unit(np.random.default_rng(0).standard_normal((300, 16)).astype(np.float32)))
    (tmp_path / "ids.txt").write_text("".join(f"d{row}\n" for row in range(300)))
    call("build", "ids:ids.txt", "--vectors", "v.npy", "--dims", "8,16")
    return tmp_path


def test_tune_stores_a_funnel_that_info_shows_and_query_walks(index):
    result = call("tune", "--recall", ".5", "--sample", "50", "--own")
    assert "chosen: " in result.stdout
    assert "documents stand in for queries" in result.stderr
    assert "for 0.5, p50" in call("info").stdout
    tuned = json.loads(call("info", "--json").stdout)
    assert tuned["tuned"]["low"] >= 0.5
    assert tuned["funnel"] != "8:200,16:10" or tuned["tuned"]["recall"] == 1


def test_a_dry_run_stores_nothing_and_prints_json(index):
    found = json.loads(call("tune", "--recall", ".5", "--sample", "50", "--own", "--dry-run", "--json").stdout)
    assert found["chosen"]["recall"]["low"] >= 0.5
    assert "tuned" not in json.loads(call("info", "--json").stdout)


def test_tune_exits_with_1_where_nothing_is_fast_enough(index):
    result = call("tune", "--p95", "0.000001ms", "--sample", "50", "--own", "--ram", "2GB", code=1)
    assert "the nearest is" in result.stdout
    assert "nothing was stored" in result.stderr


@pytest.mark.parametrize(
    "words", [("--p95", "soon"), ("--ram", "much"), ("--recall", "99"), ("--p95", "0ms"), ("--p95", ".")]
)
def test_wrong_wishes_are_usage_errors(index, words):
    call("tune", *words, code=2)

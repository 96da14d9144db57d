"""mrl-search eval, as a user meets it."""

import json
import subprocess
import sys

import pytest
from calls import call


def test_eval_prints_the_table_and_writes_results_runs_and_the_command(here, shared_data):
    words = (
        "eval",
        "--dataset",
        "cranfield",
        "--data",
        str(shared_data / "beir"),
        "--encoder",
        "hashing:64",
        "--dims",
        "16",
    )
    result = call(*words, "--funnel", "16:100,64:10")
    assert result.stdout.startswith("cranfield (test): 1,400 documents, 225 queries")
    assert [line.split()[1] for line in result.stdout.splitlines()[3:6]] == ["64:100", "16:100", "16:100,64:10"]
    assert (
        f"again: mrl-search eval --dataset cranfield --split test --encoder hashing:64 --dims 16 --funnel 16:100,64:10 --data {shared_data}/beir"
        in result.stderr
    )
    (written,) = (here / "eval/results").glob("cranfield-test-hashing-64-*.json")
    saved = json.loads(written.read_text())
    assert saved["provenance"]["machine"]
    assert len(list((here / "eval/results/runs" / written.stem).iterdir())) == 3


def test_check_compares_with_the_recipe_and_exits_1_on_a_miss(here, shared_data):
    recipe = 'dataset = "cranfield"\nfunnels = []\ndims = [64]\n[[encoders]]\nname = "hashing:64"\n[[expected]]\n'
    recipe += 'encoder = "hashing:64"\nfunnel = "64:100"\nmeasure = "nDCG@10"\nat_least = {}\n'
    words = ("eval", "--recipe", "r.toml", "--check", "--data", str(shared_data / "beir"))
    (here / "r.toml").write_text(recipe.format("0.01"))
    assert "OK    cranfield hashing:64 64:100 nDCG@10" in call(*words).stdout
    (here / "r.toml").write_text(recipe.format("0.99"))
    assert "FAIL  cranfield" in call(*words, code=1).stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "give either --dataset NAME or --recipe FILE"),
        (("--dataset", "a", "--recipe", "b"), "the recipe says all of that; leave out --dataset, or --recipe"),
        (("--dataset", "a", "--check"), "give --recipe FILE"),
        (("--dataset", "a", "--funnel", "8:1", "--no-funnel"), "exclude one another"),
        (("--dataset", "a", "--dims", "x"), "wanted for instance 64,768"),
    ],
)
def test_a_wrong_eval_is_exit_code_2(here, words, reason):
    assert reason in call("eval", *words, code=2).stderr


def test_a_dataset_that_is_nowhere_names_every_place(here, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MRL_SEARCH_DATA", str(here / "env"))
    done = subprocess.run(
        [sys.executable, "-m", "mrl_search", "eval", "--dataset", "nosuchset", "--data", str(here / "flag")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    for place in (
        "flag/nosuchset",
        "env/nosuchset",
        "datasets/nosuchset",
        "mteb/nosuchset",
        "--data FOLDER or dir:PATH",
    ):
        assert place in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_place_for_results_that_cannot_be_is_met_before_the_work(here):
    (here / "file").touch()
    refused = call("eval", "--dataset", "pydoc:stdlib", "--out", "file/x", code=1)
    assert refused.stderr.count("\n") == 1
    assert "Not a directory" in refused.stderr


def test_an_evaluation_that_fails_leaves_no_folder_behind(here):
    refused = call("eval", "--dataset", "pydoc:stdlib", "--encoder", "hashing:16", "--dims", "64", code=1)
    assert "end --dims at 16" in refused.stderr
    assert not (here / "eval").exists()

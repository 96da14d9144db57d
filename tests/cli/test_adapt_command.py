"""mrl-search adapt, as a user meets it."""

import json

import pytest
from click.testing import CliRunner
from hashed_texts import write_hashed_texts

from mrl_search.adapter import ABOUT
from mrl_search.cli import main


@pytest.fixture
def texts(tmp_path):
    return write_hashed_texts(tmp_path)


def run(*words):
    return CliRunner().invoke(main, ["adapt", *map(str, words)])


@pytest.mark.parametrize("method", ["rotation", "matryoshka-adaptor", "smec"])
def test_the_command_line_fits_and_the_build_takes_what_it_wrote(texts, method, monkeypatch):
    monkeypatch.chdir(texts)
    made = run(method, "docs.jsonl", "--encoder", "hashing:32", "--dims", "4,8", "--steps", 20, "--margin", 1)
    assert made.exit_code == 0, made.output
    assert f"adapters/{method}: {method}, 32 dims, to be cut at 4, 8" in made.output
    words = ["build", "docs.jsonl", "--encoder", "hashing:32", "--adapter", f"adapters/{method}", "--dims", "8,32"]
    built = CliRunner().invoke(main, words)
    assert built.exit_code == 0, built.output
    asked = CliRunner().invoke(main, ["query", "word1 word2", "--k", "3", "--json"])
    assert len(json.loads(asked.output)["answers"]) == 3


def test_json_is_what_the_folder_says_of_itself(texts):
    made = run("rotation", "--vectors", texts / "docs.npy", "--kind", "pca", "--out", texts / "out", "--json")
    told = json.loads(made.stdout)
    assert told.pop("adapter") == str(texts / "out")
    assert told == json.loads((texts / "out" / ABOUT).read_text())
    assert (told["encoder"], told["settings"]["widths"]) == ("precomputed", [16])


def test_a_folder_that_holds_an_adapter_is_replaced_only_by_force(texts):
    words = ("rotation", "--vectors", texts / "docs.npy", "--kind", "pca", "--out", texts / "out")
    assert run(*words).exit_code == 0
    assert "already holds an adapter; --force replaces it" in run(*words).output
    assert run(*words, "--force").exit_code == 0


def test_the_same_command_writes_the_same_file(texts):
    words = ("smec", texts / "docs.jsonl", "--encoder", "hashing:32", "--dims", "4", "--steps", 5, "--margin", 1)
    for place in "ab":
        assert run(*words, "--out", texts / place).exit_code == 0
    first, second = ((texts / place / "adapter.safetensors").read_bytes() for place in "ab")
    assert first == second


def test_an_adapter_that_loses_too_much_at_full_width_is_refused_and_nothing_written(texts):
    words = ("linear-mrl", "--encoder", "hashing:32", "--pairs", texts / "pairs.jsonl", "--dims", "2,4")
    words += ("--steps", 40, "--rate", 0.5, "--out", texts / "out")
    refused = run(*words)
    assert refused.exit_code == 1
    assert "the adapter loses too much at full width, MRR@10 of held-out pairs: 0." in refused.output
    assert "may lose 0.01); nothing was written; --force writes it all the same" in refused.output
    assert not (texts / "out").exists()
    forced = run(*words, "--force")
    assert forced.exit_code == 0, forced.output
    assert not json.loads((texts / "out" / ABOUT).read_text())["judged"]["passes"]


def test_a_method_must_be_named_or_a_recipe(texts):
    assert run().exit_code == 2
    assert "name a METHOD, or give --compare RECIPE" in run().output
    refused = run("x", texts / "docs.jsonl")
    assert (refused.exit_code, "there is no adapter 'x'" in refused.output) == (1, True)


def test_what_was_written_is_named_with_the_verdict_and_the_next_command(texts):
    made = run("rotation", "--vectors", texts / "docs.npy", "--dims", "4,8", "--kind", "pca", "--out", texts / "out")
    assert made.stdout == f"{texts / 'out'}: rotation, 32 dims, to be cut at 4, 8\n"
    assert "at full width, of the ten nearest of held-out documents" in made.stderr
    assert f"build CORPUS --adapter {texts / 'out'}" in made.stderr


def test_a_sub_model_of_an_encoder_is_named_with_its_layers(texts, tiny):
    words = ("rotation", texts / "docs.jsonl", "--encoder", f"{tiny}:layers=1", "--dims", "4", "--kind", "pca")
    made = run(*words, "--out", texts / "o")
    assert made.exit_code == 0, made.output
    assert json.loads((texts / "o" / ABOUT).read_text())["encoder"] == f"{tiny}:layers=1"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("smec", "--kind", "pca"), "--kind is an option of the method rotation; leave it out"),
        (("rotation", "--start", "pca"), "--start is an option of methods that are trained"),
        (("smec", "--data", "d"), "--data is an option of --compare"),
        (("smec", "--results", "r"), "--results is an option of --compare"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(words, why):
    refused = run(*words)
    assert refused.exit_code == 2
    assert why in refused.output

"""From a corpus, pairs or vectors to a folder; the gate; the command line."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from mrl_search.adapter import ABOUT, read_adapter
from mrl_search.adapters import Settings
from mrl_search.adapting import AdaptOptions, Sources, adapt
from mrl_search.cli import main
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import AdapterError, CorpusError, EncoderError, VectorsError

HASHED = EncoderSpec("hashing:32")


@pytest.fixture
def texts(tmp_path):
    """`docs.jsonl` and `pairs.jsonl` of 120 each, and their vectors."""
    random = np.random.default_rng(0)
    said = [" ".join(f"word{n}" for n in random.integers(0, 40, 6)) for _ in range(120)]
    (tmp_path / "docs.jsonl").write_text(
        "".join(f'{{"_id": "{n}", "text": "{text}"}}\n' for n, text in enumerate(said))
    )
    pairs = "".join(f'{{"query": "{text[:12]}", "positive": "{text}"}}\n' for text in said)
    (tmp_path / "pairs.jsonl").write_text(pairs)
    encoder = load_encoder(HASHED)
    np.save(tmp_path / "docs.npy", 2 * encoder.encode_documents(said))
    np.save(tmp_path / "queries.npy", encoder.encode_queries([text[:12] for text in said]))
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, ["adapt", *map(str, words)])


def options(**told):
    return AdaptOptions(HASHED, Settings((4, 8), steps=5, batch=16), **told)


def test_documents_of_a_corpus_are_fitted_to(texts):
    done = adapt("smec", Sources(str(texts / "docs.jsonl")), texts / "out", options(margin=1.0))
    again = read_adapter(texts / "out")
    assert again.digest == done.adapter.digest
    assert (again.fitted.encoder, again.fitted.widths, again.dim) == ("hashing:32", (4, 8), 32)
    about = json.loads((texts / "out" / ABOUT).read_text())
    assert (about["documents"], about["pairs"], about["settings"]["steps"]) == (120, 0, 5)
    assert about["judged"]["passes"]
    assert about["provenance"]["machine"]


def test_vectors_give_what_their_texts_give(texts):
    pairs = (texts / "queries.npy", texts / "docs.npy")
    by_text = adapt(
        "matryoshka-adaptor",
        Sources(str(texts / "docs.jsonl"), (str(texts / "pairs.jsonl"),)),
        texts / "t",
        options(margin=1.0),
    )
    by_vectors = adapt(
        "matryoshka-adaptor", Sources(vectors=texts / "docs.npy", pair_vectors=pairs), texts / "v", options(margin=1.0)
    )
    for name, tensor in by_text.adapter.tensors.items():
        assert by_vectors.adapter.tensors[name] == pytest.approx(tensor, abs=1e-4)


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


def test_what_there_is_to_fit_to_must_be_said_once(texts):
    with pytest.raises(AdapterError, match="nothing to fit to: give a CORPUS"):
        Sources()
    with pytest.raises(AdapterError, match=r"give texts to encode \(CORPUS, --pairs\) or vectors"):
        Sources("docs.jsonl", vectors=texts / "docs.npy")
    assert run().exit_code == 2
    assert "name a METHOD" in run().output
    assert "there is no adapter 'x'" in run("x", texts / "docs.jsonl").output


def test_what_cannot_be_read_is_an_error(texts):
    with pytest.raises(CorpusError, match="no file"):
        adapt("smec", Sources(str(texts / "none.jsonl")), texts / "out", options())
    np.save(texts / "nan.npy", np.full((40, 4), np.nan))
    with pytest.raises(VectorsError, match="holds NaN or infinity"):
        adapt("smec", Sources(vectors=texts / "nan.npy"), texts / "out", options())
    with pytest.raises(AdapterError, match="120 queries and 40 positives"):
        np.save(texts / "few.npy", np.ones((40, 32)))
        pairs = (texts / "queries.npy", texts / "few.npy")
        adapt("linear-mrl", Sources(pair_vectors=pairs), texts / "out", options())
    adapted = AdaptOptions(EncoderSpec("hashing:32", adapter="a"), Settings((4,)))
    with pytest.raises(EncoderError, match="is adapted already"):
        adapt("smec", Sources(str(texts / "docs.jsonl")), texts / "out", adapted)


def test_the_same_command_writes_the_same_file(texts):
    words = ("smec", texts / "docs.jsonl", "--encoder", "hashing:32", "--dims", "4", "--steps", 5, "--margin", 1)
    for place in "ab":
        assert run(*words, "--out", texts / place).exit_code == 0
    first, second = ((texts / place / "adapter.safetensors").read_bytes() for place in "ab")
    assert first == second

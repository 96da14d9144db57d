"""From a corpus, pairs or vectors to a folder; the gate."""

import json

import numpy as np
import pytest
from hashed_texts import HASHED, write_hashed_texts

from mrl_search import sampling
from mrl_search.adapter import ABOUT, read_adapter
from mrl_search.adapters import Settings
from mrl_search.adapting import AdaptOptions, Sources, adapt
from mrl_search.encoders import EncoderSpec
from mrl_search.errors import AdapterError, CorpusError, EncoderError, VectorsError


@pytest.fixture
def texts(tmp_path):
    return write_hashed_texts(tmp_path)


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
    told = [json.loads((texts / place / ABOUT).read_text())["sources"] for place in "tv"]
    assert told[0] == {"documents": str(texts / "docs.jsonl"), "pairs": [str(texts / "pairs.jsonl")]}
    assert told[1] == {"vectors": str(texts / "docs.npy"), "pair_vectors": [*map(str, pairs)]}
    for name, tensor in by_text.adapter.tensors.items():
        assert by_vectors.adapter.tensors[name] == pytest.approx(tensor, abs=1e-4)


def test_what_there_is_to_fit_to_must_be_said_once(texts):
    with pytest.raises(AdapterError, match="nothing to fit to: give a CORPUS"):
        Sources()
    with pytest.raises(AdapterError, match=r"give texts to encode \(CORPUS, --pairs\) or vectors"):
        Sources("docs.jsonl", vectors=texts / "docs.npy")
    with pytest.raises(AdapterError, match="there is no adapter 'x'"):
        adapt("x", Sources(str(texts / "docs.jsonl")), texts / "out", options())


def test_what_cannot_be_read_is_an_error(texts):
    with pytest.raises(CorpusError, match="no file"):
        adapt("smec", Sources(str(texts / "none.jsonl")), texts / "out", options())
    np.save(texts / "nan.npy", np.full((40, 4), np.nan))
    with pytest.raises(VectorsError, match="holds NaN or infinity"):
        adapt("smec", Sources(vectors=texts / "nan.npy"), texts / "out", options())
    with pytest.raises(AdapterError, match=r"queries.npy has 120 rows and .*few.npy 40; they must be in step"):
        np.save(texts / "few.npy", np.ones((40, 32)))
        pairs = (texts / "queries.npy", texts / "few.npy")
        adapt("linear-mrl", Sources(pair_vectors=pairs), texts / "out", options())


def test_pairs_of_different_numbers_are_refused_even_where_only_a_sample_is_taken(texts, monkeypatch):
    monkeypatch.setattr(sampling, "SAMPLED", 40)
    np.save(texts / "more.npy", np.ones((60, 32)))
    with pytest.raises(AdapterError, match=r"queries.npy has 120 rows and .*more.npy 60"):
        adapt("linear-mrl", Sources(pair_vectors=(texts / "queries.npy", texts / "more.npy")), texts / "out", options())


def test_what_is_adapted_already_is_refused_as_the_encoder_of_texts_or_vectors():
    with pytest.raises(EncoderError, match="is adapted already"):
        AdaptOptions(EncoderSpec("hashing:32", adapter="a"))


@pytest.mark.parametrize("margin", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_margin_is_a_share(margin):
    with pytest.raises(AdapterError, match="from 0 to 1; found"):
        options(margin=margin)


@pytest.mark.parametrize(("field", "value"), [("score", 0.5), ("label", 1)])
def test_pairs_that_are_said_to_go_together_more_or_less_are_refused(texts, field, value):
    pairs = texts / "scored.jsonl"
    pairs.write_text(
        f'{{"sentence1": "a", "sentence2": "b"}}\n{{"sentence1": "a", "sentence2": "c", "{field}": {value}}}\n'
    )
    with pytest.raises(AdapterError, match=f"scored.jsonl, pair 2: has a {field}; an adapter takes every pair"):
        adapt("linear-mrl", Sources(pairs=(str(pairs),)), texts / "out", options())


def test_too_few_are_counted_with_those_held_out(texts):
    np.save(texts / "few.npy", np.eye(32))
    with pytest.raises(AdapterError, match="at least 32 documents, found 29, 3 more are held out to judge by"):
        adapt("smec", Sources(vectors=texts / "few.npy"), texts / "out", options())


def test_vectors_too_narrow_for_the_usual_widths_need_others(texts):
    np.save(texts / "narrow.npy", np.load(texts / "docs.npy")[:, :16])
    with pytest.raises(AdapterError, match="have 16 dims; name widths below that, as --dims 4,8"):
        adapt("smec", Sources(vectors=texts / "narrow.npy"), texts / "out", AdaptOptions())


def test_where_nothing_can_be_written_is_found_before_anything_is_read(texts):
    sources = Sources(vectors=texts / "none.npy")
    with pytest.raises(AdapterError, match="docs.npy is a file, wanted a folder"):
        adapt("smec", sources, texts / "docs.npy", options())
    with pytest.raises(AdapterError, match="nothing can be written to .*docs.npy"):
        adapt("smec", sources, texts / "docs.npy" / "out", options())
    with pytest.raises(VectorsError):
        adapt("smec", sources, texts / "new" / "out", options())
    assert not (texts / "new").exists()

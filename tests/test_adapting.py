"""From a corpus, pairs or vectors to a folder; the gate."""

import json

import numpy as np
import pytest
from hashed_texts import HASHED, write_hashed_texts

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
    with pytest.raises(AdapterError, match="120 queries and 40 positives"):
        np.save(texts / "few.npy", np.ones((40, 32)))
        pairs = (texts / "queries.npy", texts / "few.npy")
        adapt("linear-mrl", Sources(pair_vectors=pairs), texts / "out", options())
    adapted = AdaptOptions(EncoderSpec("hashing:32", adapter="a"), Settings((4,)))
    with pytest.raises(EncoderError, match="is adapted already"):
        adapt("smec", Sources(str(texts / "docs.jsonl")), texts / "out", adapted)

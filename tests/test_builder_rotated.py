"""An index whose vectors are turned: what is scored, what is encoded, what is chosen."""

import numpy as np
import pytest
from corpora import ENCODER, doc

from mrl_search.builder import BuildOptions, build
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.indexes import read_manifest
from mrl_search.retriever import open_retriever


@pytest.fixture
def many(corpus):
    """1,100 documents of a few words each."""
    random = np.random.default_rng(1)
    words = np.array([f"word{number}" for number in range(90)])
    return corpus(*(doc(str(row), " ".join(words[random.integers(0, 90, 6)])) for row in range(1_100)))


@pytest.mark.parametrize("sampled", [50_000, 300])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_rotated_index_scores_at_full_width_as_one_that_is_not(many, tmp_path, monkeypatch, sampled, dtype):
    monkeypatch.setattr("mrl_search.sampling.SAMPLED", sampled)
    found = []
    for rotation in ("none", "pca"):
        options = BuildOptions(rotation=rotation, dtype=dtype)
        folder = build(many, tmp_path / rotation, dims=(16, 64), encoder=ENCODER, options=options)
        with open_retriever(folder) as retriever:
            assert retriever.stored.manifest.rotation.kind == rotation
            assert (retriever.stored.rotation is None) == (rotation == "none")
            found.append(retriever.search(["word3 word5 word8"], k=5, funnel="64:5")[0])
    assert [answer.id for answer in found[0]] == [answer.id for answer in found[1]]
    tolerance = 1e-5 if dtype == "float32" else 5e-3
    np.testing.assert_allclose([a.score for a in found[0]], [a.score for a in found[1]], atol=tolerance)


def test_every_row_is_the_turned_vector_of_its_document_though_a_sample_was_encoded_first(many, tmp_path, monkeypatch):
    monkeypatch.setattr("mrl_search.sampling.SAMPLED", 300)
    options = BuildOptions(rotation="pca", cache=False)
    folder = build(many, tmp_path / "i", dims=(16, 64), encoder=ENCODER, options=options)
    with open_retriever(folder) as retriever:
        rows = list(range(1_100))
        texts = [document.content for _, document in sorted(retriever.stored.documents(rows).items())]
        wanted = retriever.stored.rotation.apply(load_encoder(EncoderSpec(ENCODER)).encode_documents(texts))
        np.testing.assert_allclose(retriever.stored.vectors._vectors.data, wanted, atol=1e-6)


def test_no_document_is_encoded_twice_for_the_rotation(many, tmp_path, monkeypatch):
    monkeypatch.setattr("mrl_search.sampling.SAMPLED", 300)
    encoder = load_encoder(EncoderSpec(ENCODER))
    encoded = []
    encode = type(encoder).encode_documents
    monkeypatch.setattr(
        type(encoder), "encode_documents", lambda self, texts: (encoded.extend(texts), encode(self, texts))[1]
    )
    options = BuildOptions(rotation="pca", cache=False)
    build(many, tmp_path / "i", dims=(16, 64), encoder=encoder, options=options)
    assert len(encoded) == 1_100 + 1  # and the probe, as a query


def test_auto_leaves_a_small_corpus_as_it_is_and_says_why(corpus, tmp_path):
    folder = build(corpus(doc("a"), doc("b")), tmp_path / "i", dims=(16, 64), encoder=ENCODER)
    record = read_manifest(folder)[0].rotation
    assert (record.kind, record.why) == ("none", "fewer than 1,000 documents")


def test_auto_says_what_it_measured(many, tmp_path):
    folder = build(many, tmp_path / "i", dims=(8, 64), encoder=ENCODER)
    record = read_manifest(folder)[0].rotation
    assert "held-out recall of the top 10" in record.why
    assert "pca ." in record.why


def test_copies_stay_copies_when_they_are_rotated(corpus, tmp_path):
    vectors = np.random.default_rng(4).standard_normal((1_001, 256)).astype(np.float32)
    vectors[500] = vectors[1_000] = vectors[0]  # in other places of their blocks
    np.save(tmp_path / "v.npy", vectors)
    source = corpus(*(doc(f"d{row:04}") for row in range(1_001)))
    options = BuildOptions(vectors=tmp_path / "v.npy", rotation="pca")
    with open_retriever(build(source, tmp_path / "i", dims=(64, 256), options=options)) as retriever:
        (answers,) = retriever.search_vectors(vectors[:1], k=3)
        (among_others, *_) = retriever.search_vectors(vectors[:40], k=3)
    assert [answer.id for answer in answers] == ["d0000", "d0500", "d1000"]
    assert len({answer.score for answer in answers}) == 1
    assert [answer.score for answer in among_others] == [answer.score for answer in answers]


def test_given_vectors_are_rotated_too(corpus, tmp_path):
    vectors = np.random.default_rng(2).standard_normal((40, 12)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    source = corpus(*(doc(str(row)) for row in range(40)))
    options = BuildOptions(vectors=tmp_path / "v.npy", rotation="pca")
    with open_retriever(build(source, tmp_path / "i", dims=(4, 12), options=options)) as retriever:
        answers = retriever.search_vectors(vectors[7:8], k=1, funnel="4:40,12:1")
    assert answers[0][0].id == "7"
    assert answers[0][0].score == pytest.approx(1)

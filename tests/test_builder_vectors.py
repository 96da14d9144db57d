"""An index of vectors that were computed before."""

import numpy as np
import pytest
from corpora import ENCODER, doc

from mrl_search.builder import BuildOptions, build
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import EncoderError, IndexStoreError, VectorsError
from mrl_search.indexes import read_manifest
from mrl_search.retriever import open_retriever


def saved(tmp_path, array):
    np.save(tmp_path / "docs.npy", array)
    return BuildOptions(vectors=tmp_path / "docs.npy")


def test_a_single_width_is_searched_exactly_however_many_documents_there_are(tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(5).standard_normal((10_100, 8)).astype(np.float32))
    (tmp_path / "ids.txt").write_text("".join(f"{row}\n" for row in range(10_100)))
    folder = build(
        f"ids:{tmp_path / 'ids.txt'}", tmp_path / "i", dims=(8,), options=BuildOptions(vectors=tmp_path / "v.npy")
    )
    assert read_manifest(folder)[0].prefix == "Flat"


@pytest.mark.parametrize(("worth_cells", "codec"), [(100_000, "PQ16x4fs"), (20_000, "IVF256,PQ8x4fsr,Refine(SQ4)")])
def test_a_large_corpus_gets_codes_and_still_finds(tmp_path, monkeypatch, worth_cells, codec):
    monkeypatch.setattr("mrl_search.indexes.codecs._WORTH_CELLS", worth_cells)
    random = np.random.default_rng(3)
    centres = random.standard_normal((200, 24))
    vectors = (np.repeat(centres, 105, axis=0) + 0.5 * random.standard_normal((21_000, 24))).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    (tmp_path / "ids.txt").write_text("".join(f"{row}\n" for row in range(21_000)))
    options = BuildOptions(vectors=tmp_path / "v.npy", rotation="pca")
    with open_retriever(build(f"ids:{tmp_path / 'ids.txt'}", tmp_path / "i", dims=(16, 24), options=options)) as found:
        assert found.stored.manifest.prefix == codec
        assert (found.stored.manifest.sketches is not None) == ("Refine" in codec)
        queries = vectors[::500]
        run = found.run({str(row): vector for row, vector in enumerate(queries)})
        exact = found.run({str(row): vector for row, vector in enumerate(queries)}, funnel="24:10")
    shares = [len({d.id for d in run.ranking[q]} & {d.id for d in exact.ranking[q]}) / 10 for q in run.ranking]
    assert np.mean(shares) > 0.97


def test_precomputed_vectors_are_searched_with_vectors(corpus, tmp_path):
    options = saved(tmp_path, np.array([[2, 0, 0], [0, 3, 0], [1, 1, 0]], np.float64))
    folder = build(corpus(doc("x"), doc("y"), doc("xy")), tmp_path / "i", dims=(2, 3), options=options)
    with open_retriever(folder) as retriever:
        (answers,) = retriever.search_vectors(np.array([[0, 5, 0]], np.float32), k=2)
        with pytest.raises(EncoderError, match="search it with --vectors"):
            retriever.search(["text"])
    assert [(answer.id, round(answer.score, 4)) for answer in answers] == [("y", 1.0), ("xy", 0.7071)]


def test_precomputed_vectors_with_their_encoder_are_searched_with_texts(corpus, tmp_path):
    options = saved(tmp_path, load_encoder(EncoderSpec(ENCODER)).encode_documents(["red fox", "tax law"]))
    folder = build(corpus(doc("a"), doc("b")), tmp_path / "i", encoder=ENCODER, options=options)
    with open_retriever(folder) as retriever:
        assert retriever.search(["tax law"], k=1)[0][0].id == "b"


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.ones((3, 4)), "holds 3 vectors for 2 documents; they must be in step"),
        (np.array([[1.0, 0], [np.nan, 1]]), r"the vector in row 1 \(from 0\) holds NaN"),
        (np.ones((2, 2), int), "does not hold floats"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(corpus, tmp_path, array, reason):
    with pytest.raises(VectorsError, match=reason):
        build(corpus(doc("a"), doc("b")), tmp_path / "i", options=saved(tmp_path, array))
    assert not (tmp_path / "i").exists()


def test_vectors_of_another_width_than_their_encoder_are_refused(corpus, tmp_path):
    with pytest.raises(VectorsError, match="holds 5 dims, but hashing:64 gives 64"):
        build(corpus(doc("a")), tmp_path / "i", encoder=ENCODER, options=saved(tmp_path, np.ones((1, 5))))


def test_vectors_of_any_length_are_scaled_and_zeros_stay(corpus, tmp_path):
    options = saved(tmp_path, np.array([[1e30, 0], [0, 1e-30], [0, 0]], np.float32))
    folder = build(corpus(doc("big"), doc("small"), doc("zero")), tmp_path / "i", dims=(2,), options=options)
    with open_retriever(folder) as retriever:
        (answers,) = retriever.search_vectors(np.array([[0, 1e-38]], np.float32), k=3)
    assert [(answer.id, answer.score) for answer in answers] == [("small", 1.0), ("big", 0.0), ("zero", 0.0)]


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_doubles_beyond_float32_are_scaled_and_not_lost(corpus, tmp_path, size):
    options = saved(tmp_path, size * np.array([[3, 4, 0], [0, 4, 3]], np.float64))
    folder = build(corpus(doc("x"), doc("y")), tmp_path / "i", dims=(2, 3), options=options)
    with open_retriever(folder) as retriever:
        (found,) = retriever.run({"q": size * np.array([3, 4, 0], np.float64)}).ranking.values()
    assert [document.score for document in found] == pytest.approx([1, 0.64])


def test_an_index_that_faiss_cannot_read_again_is_never_committed(corpus, tmp_path):
    vectors = np.random.default_rng(0).standard_normal((2, 64)).astype(np.float32)
    folder = build(corpus(doc("x"), doc("y")), tmp_path / "i", dims=(64,), options=saved(tmp_path, vectors))
    before = read_manifest(folder)[0]
    options = BuildOptions(vectors=tmp_path / "docs.npy", prefix="ZnLattice4x4_2", force=True)
    with pytest.raises(IndexStoreError, match="FAISS cannot read"):
        build(corpus(doc("x"), doc("y")), tmp_path / "i", dims=(64,), options=options)
    assert read_manifest(folder)[0] == before

"""From files to an index, and what is said of files that make none."""

import json

import numpy as np
import pytest

from mrl_search.builder import BuildOptions, build, default_dims
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import CorpusError, DimensionError, EncoderError, IndexStoreError, RotationError, VectorsError
from mrl_search.indexes import read_manifest
from mrl_search.retriever import open_retriever
from mrl_search.vectors import prefix

ENCODER = "hashing:64"


@pytest.fixture
def corpus(tmp_path):
    """Writes documents as JSON lines and returns the file's name."""

    def write(*documents, name="corpus.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(document) + "\n" for document in documents))
        return str(path)

    return write


def doc(identifier, text="some text", **other):
    return {"_id": identifier, "text": text, **other}


def test_what_is_built_can_be_searched(corpus, tmp_path):
    source = corpus(doc("a", "a red fox"), doc("b", "tax law"), doc("c", "the red red fox", title="Fox"))
    folder = build(source, tmp_path / "i", dims=(16, 64), encoder=ENCODER)
    with open_retriever(folder) as retriever:
        (answers,) = retriever.search(["red fox"], k=2)
    assert {answer.id for answer in answers} == {"a", "c"}


def test_the_manifest_says_how_it_was_built(corpus, tmp_path):
    options = BuildOptions(dtype="int8", prefix="SQ8", skip_bad=1)
    source = corpus(doc("a"), doc("b", ""), {"text": "no id"})
    folder = build(source, tmp_path / "i", dims=(8, 16, 32), encoder=ENCODER, options=options)
    manifest, segment = read_manifest(folder)
    assert (manifest.documents, manifest.without_text, manifest.skipped) == (2, 1, 1)
    assert (manifest.dims, manifest.dtype, manifest.prefix) == ((8, 16, 32), "int8", "SQ8")
    assert manifest.funnel == "8:200,16:45,32:10"
    assert (manifest.encoder.name, manifest.encoder.identity) == (ENCODER, "hashing:64 v1")
    assert segment.documents == 2


def test_the_index_is_named_after_the_corpus(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(build(corpus(doc("a"), name="news.jsonl"), encoder=ENCODER)) == "indexes/news"


def test_stored_vectors_are_the_encoders_cut_to_the_last_width(corpus, tmp_path):
    folder = build(corpus(doc("a", "red fox")), tmp_path / "i", dims=(8, 32), encoder=ENCODER)
    whole = load_encoder(EncoderSpec(ENCODER)).encode_documents(["red fox"])
    stored = np.load(folder / "segments/000001/vectors.npy")
    np.testing.assert_allclose(stored, prefix(whole, 32), atol=1e-7)


@pytest.mark.parametrize(
    ("dims", "reason"),
    [
        ((64, 128), "hashing:64 gives 64 dims, asked for 128; end --dims at 64"),
        ((32, 16), "--dims 32,16: the widths must grow"),
        ((16, 16), "the widths must grow"),
        ((0, 16), "a width is at least 1"),
    ],
)
def test_widths_that_cannot_be_are_refused_before_anything_is_written(corpus, tmp_path, dims, reason):
    with pytest.raises(DimensionError, match=reason):
        build(corpus(doc("a")), tmp_path / "i", dims=dims, encoder=ENCODER)
    assert not (tmp_path / "i").exists()


def test_default_widths_are_128_and_the_encoders_own_or_the_shortest_trained_one():
    class Trained:
        dim = 768
        trained_dims = (32, 200, 256, 768)

    assert default_dims(load_encoder(EncoderSpec("hashing:256"))) == (128, 256)
    assert default_dims(load_encoder(EncoderSpec("hashing:48"))) == (48,)
    assert default_dims(Trained()) == (200, 768)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (BuildOptions(dtype="float8"), "unknown --dtype 'float8'; choose one of float32, bfloat16, int8"),
        (BuildOptions(prefix="Nope"), "FAISS does not take --prefix 'Nope' at 16 dims"),
        (
            BuildOptions(rotation="block-pca"),
            "keeps the widths an encoder was trained to be cut at, and this one names none",
        ),
        (BuildOptions(rotation="pcb"), "unknown --rotation 'pcb'; choose one of none, pca, learned"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_written(corpus, tmp_path, options, reason):
    with pytest.raises((IndexStoreError, RotationError), match=reason):
        build(corpus(doc("a")), tmp_path / "i", dims=(16, 64), encoder=ENCODER, options=options)
    assert not (tmp_path / "i").exists()


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


def test_a_single_width_is_searched_exactly_however_many_documents_there_are(tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(5).standard_normal((10_100, 8)).astype(np.float32))
    (tmp_path / "ids.txt").write_text("".join(f"{row}\n" for row in range(10_100)))
    folder = build(
        f"ids:{tmp_path / 'ids.txt'}", tmp_path / "i", dims=(8,), options=BuildOptions(vectors=tmp_path / "v.npy")
    )
    assert read_manifest(folder)[0].prefix == "Flat"


def test_given_vectors_are_rotated_too(corpus, tmp_path):
    vectors = np.random.default_rng(2).standard_normal((40, 12)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    source = corpus(*(doc(str(row)) for row in range(40)))
    options = BuildOptions(vectors=tmp_path / "v.npy", rotation="pca")
    with open_retriever(build(source, tmp_path / "i", dims=(4, 12), options=options)) as retriever:
        answers = retriever.search_vectors(vectors[7:8], k=1, funnel="4:40,12:1")
    assert answers[0][0].id == "7"
    assert answers[0][0].score == pytest.approx(1)


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
        queries = vectors[::500]
        run = found.run({str(row): vector for row, vector in enumerate(queries)})
        exact = found.run({str(row): vector for row, vector in enumerate(queries)}, funnel="24:10")
    shares = [len({d.id for d in run.ranking[q]} & {d.id for d in exact.ranking[q]}) / 10 for q in run.ranking]
    assert np.mean(shares) > 0.97


def test_a_bad_line_stops_the_build_before_encoding_and_leaves_nothing(corpus, tmp_path):
    with pytest.raises(CorpusError, match=r"corpus\.jsonl, line 2: has no _id or id"):
        build(corpus(doc("a"), {"text": "x"}), tmp_path / "i", encoder=Untouchable())
    assert not (tmp_path / "i").exists()


class Untouchable:
    """An encoder that must not be asked."""

    spec, identity, dim, trained_dims = EncoderSpec("untouchable"), "untouchable", 8, ()

    def encode_documents(self, texts):
        raise AssertionError("encoded too early")

    encode_queries = encode_documents


def test_a_repeated_id_is_a_bad_line_that_names_the_first(corpus, tmp_path):
    source = corpus(doc("a"), doc("b", "kept"), doc("b", "dropped"))
    with pytest.raises(CorpusError, match=r"line 3: the id 'b' is already that of document number 2; mend it"):
        build(source, tmp_path / "i", encoder=ENCODER)
    folder = build(source, tmp_path / "i", encoder=ENCODER, options=BuildOptions(skip_bad=1))
    with open_retriever(folder) as retriever:
        assert [answer.text for answer in retriever.search(["kept"], k=1)[0]] == ["kept"]


def test_an_empty_corpus_builds_nothing(corpus, tmp_path):
    with pytest.raises(CorpusError, match=r"corpus\.jsonl holds no documents; nothing was built"):
        build(corpus(), tmp_path / "i", encoder=ENCODER)
    assert not (tmp_path / "i").exists()


class Fragile:
    """Encodes until told to break; counts what it encoded."""

    spec, identity, dim, trained_dims = EncoderSpec("fragile"), "fragile v1", 8, ()

    def __init__(self, breaks_after):
        self.left, self.encoded = breaks_after, 0
        self._encoder = load_encoder(EncoderSpec("hashing:8"))

    def encode_documents(self, texts):
        if self.left < len(texts):
            raise KeyboardInterrupt
        self.left -= len(texts)
        self.encoded += len(texts)
        return self._encoder.encode_documents(texts)

    encode_queries = encode_documents


def test_an_interrupted_build_goes_on_from_the_cache(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("mrl_search.encoding.BLOCK", 10)
    source = corpus(*(doc(str(number), f"text {number}") for number in range(35)))
    first, second = Fragile(25), Fragile(1000)
    with pytest.raises(KeyboardInterrupt):
        build(source, tmp_path / "i", encoder=first)
    assert not (tmp_path / "i").exists()
    build(source, tmp_path / "i", encoder=second)
    assert (first.encoded, second.encoded) == (2 + 20, 1 + 15)  # the probe, for the cache and afresh, and texts


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        (np.zeros((1, 4), np.float32), r"returned \(1, 4\) for 1 texts, wanted \(1, 8\)"),
        (np.full((1, 8), np.nan, np.float32), "returned NaN or infinity"),
        (np.ones((1, 8), np.float32), "returned a vector of length 2.83, wanted 1"),
        (np.full((1, 8), 1.01 / np.sqrt(8), np.float32), "returned a vector of length 1.01, wanted 1"),
    ],
)
def test_an_encoder_that_breaks_its_promise_is_caught(corpus, tmp_path, vectors, reason):
    encoder = Untouchable()
    encoder.encode_documents = encoder.encode_queries = lambda texts: vectors
    with pytest.raises(EncoderError, match=reason):
        build(corpus(doc("a")), tmp_path / "i", encoder=encoder, options=BuildOptions(cache=False))
    assert not (tmp_path / "i").exists()


def saved(tmp_path, array):
    np.save(tmp_path / "docs.npy", array)
    return BuildOptions(vectors=tmp_path / "docs.npy")


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


def test_equal_texts_get_equal_scores_and_come_in_id_order(corpus, tmp_path):
    source = corpus(*(doc(identifier, "red fox") for identifier in "cabd"))
    folder = build(source, tmp_path / "i", dims=(16, 64), encoder=ENCODER)
    with open_retriever(folder) as retriever:
        (answers,) = retriever.search(["fox"], k=4)
    assert [answer.id for answer in answers] == ["a", "b", "c", "d"]
    assert len({answer.score for answer in answers}) == 1


def test_an_encoder_that_changed_under_its_name_is_found_out_by_the_cached_probe(corpus, tmp_path):
    class Changed(Fragile):
        def encode_documents(self, texts):
            return -super().encode_documents(texts)

        encode_queries = encode_documents

    source = corpus(doc("a"))
    build(source, tmp_path / "i", encoder=Fragile(100))
    with pytest.raises(
        EncoderError, match=r"fragile has changed since the embedding cache was filled.*delete .*\.sqlite"
    ):
        build(source, tmp_path / "j", encoder=Changed(100))
    build(source, tmp_path / "j", encoder=Changed(100), options=BuildOptions(cache=False))


def test_ids_alone_cannot_be_encoded(tmp_path):
    (tmp_path / "ids.txt").write_text("a\nb\n")
    with pytest.raises(CorpusError, match="no document of ids:.* has a text to encode; give their vectors"):
        build(f"ids:{tmp_path}/ids.txt", tmp_path / "i", encoder=ENCODER)


@pytest.mark.parametrize("dims", [64, "64", "16,64"])
def test_widths_that_are_no_list_are_refused(corpus, tmp_path, dims):
    with pytest.raises(DimensionError, match="wanted several numbers in order"):
        build(corpus(doc("a")), tmp_path / "i", dims=dims, encoder=ENCODER)


def test_skipped_records_are_logged_with_line_and_reason(corpus, tmp_path, caplog):
    build(corpus(doc("a"), {"text": "x"}), tmp_path / "i", encoder=ENCODER, options=BuildOptions(skip_bad=1))
    assert ["corpus.jsonl, line 2: has no _id or id" in message for message in caplog.messages] == [True]


def test_vectors_of_any_length_are_scaled_and_zeros_stay(corpus, tmp_path):
    options = saved(tmp_path, np.array([[1e30, 0], [0, 1e-30], [0, 0]], np.float32))
    folder = build(corpus(doc("big"), doc("small"), doc("zero")), tmp_path / "i", dims=(2,), options=options)
    with open_retriever(folder) as retriever:
        (answers,) = retriever.search_vectors(np.array([[0, 1e-38]], np.float32), k=3)
    assert [(answer.id, answer.score) for answer in answers] == [("small", 1.0), ("big", 0.0), ("zero", 0.0)]

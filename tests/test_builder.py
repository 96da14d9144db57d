"""From files to an index, and what is said of files that make none."""

import numpy as np
import pytest
from corpora import ENCODER, doc

from mrl_search.builder import BuildOptions, build, default_dims
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import CorpusError, DimensionError, EncoderError, IndexStoreError, RotationError
from mrl_search.indexes import read_manifest
from mrl_search.retriever import open_retriever
from mrl_search.vectors import prefix


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
    manifest, (segment,) = read_manifest(folder)
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


def test_probes_are_kept_in_the_index_and_want_cells(corpus, tmp_path, monkeypatch):
    random = np.random.default_rng(4)
    source = corpus(*(doc(str(row), " ".join(f"w{word}" for word in random.integers(0, 50, 5))) for row in range(400)))
    options = BuildOptions(prefix="IVF8,PQ16x4fsr", probes=3)
    with open_retriever(build(source, tmp_path / "i", dims=(32, 64), encoder=ENCODER, options=options)) as retriever:
        assert retriever.stored.vectors._prefixes._cells.probes == 3
    for codec, reason in (("auto", "3 cells; the prefix index Flat has none"), ("IVF2,Flat", "3 cells, and .* has 2")):
        options = BuildOptions(prefix=codec, probes=3)
        with pytest.raises(IndexStoreError, match=reason), monkeypatch.context() as patch:
            patch.setattr("mrl_search.builder.encode_documents", None)  # nothing is encoded for it
            build(source, tmp_path / "flat", dims=(32, 64), encoder=ENCODER, options=options)
        assert not (tmp_path / "flat").exists()

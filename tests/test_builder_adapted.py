"""An index behind an adapter: built, asked, added to, compacted, moved, damaged; always the scores of hand-adapted vectors."""

import shutil
import sqlite3

import numpy as np
import pytest
from click.testing import CliRunner
from living_corpus import document

import mrl_search
from mrl_search.adapter import Adapter, Fitted, write_adapter
from mrl_search.cli import main
from mrl_search.encoders import AdaptedEncoder, EncoderSpec, load_encoder
from mrl_search.errors import AdapterError, EncoderError, IndexStoreError, VectorsError
from mrl_search.indexes import check, open_index, read_manifest
from mrl_search.vectors import prefix, unit

BARE = load_encoder(EncoderSpec("hashing:64"))


@pytest.fixture
def adapter(tmp_path):
    """Of hashing:64, with nothing orthogonal about it; its folder is `a`."""
    matrix = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    made = Adapter(Fitted("linear-mrl", 64, (8, 16, 32), "hashing:64"), {"matrix": matrix})
    write_adapter(made, tmp_path / "a", {})
    return made


@pytest.fixture
def spec(tmp_path, adapter):
    return EncoderSpec("hashing:64", adapter=str(tmp_path / "a"))


@pytest.fixture
def index(tmp_path, corpus, spec):
    path = corpus(*(document(number) for number in range(30)))
    return mrl_search.build(path, tmp_path / "index", dims=(16, 64), encoder=spec)


def by_hand(adapter, text, index, width=64):
    """id → cosine of the adapted vectors of the text and of each document, by themselves."""
    with mrl_search.open(index) as retriever:
        documents = retriever.stored.documents(list(range(len(retriever))))
    names = [one.id for one in documents.values()]
    rows = adapter.apply(BARE.encode_documents([one.content for one in documents.values()]))
    (query,) = adapter.apply(BARE.encode_queries([text]))
    scores = prefix(rows, width) @ prefix(query[None], width)[0]
    return dict(zip(names, scores.tolist(), strict=True))


@pytest.mark.parametrize("width", [16, 64])
def test_a_query_gets_the_scores_of_vectors_adapted_by_hand(index, adapter, width):
    wanted = by_hand(adapter, "word7 word3", index, width)
    with mrl_search.open(index) as retriever:
        (answers,) = retriever.search(["word7 word3"], funnel=f"{width}:30")
    assert {answer.id: answer.score for answer in answers} == pytest.approx(wanted, abs=1e-6)


def test_the_manifest_names_the_adapter_and_the_bare_encoder(index, adapter):
    manifest, _ = read_manifest(index)
    assert (manifest.adapter.method, manifest.adapter.widths) == ("linear-mrl", (8, 16, 32))
    assert manifest.adapter.sha256 == adapter.digest
    assert manifest.encoder.identity == "hashing:64 v1"
    told = CliRunner().invoke(main, ["info", str(index)]).output
    assert f"linear-mrl, fitted for 8, 16, 32 dims, sha256 {adapter.digest}" in told


def test_the_index_opens_anywhere_without_the_adapter_s_folder(index, adapter, tmp_path):
    wanted = by_hand(adapter, "word7", index)
    shutil.rmtree(tmp_path / "a")
    moved = shutil.move(index, tmp_path / "elsewhere")
    with mrl_search.open(moved) as retriever:
        (answers,) = retriever.search(["word7"], funnel="64:30")
    assert {answer.id: answer.score for answer in answers} == pytest.approx(wanted, abs=1e-6)


def test_given_vectors_pass_through_the_adapter_like_texts(tmp_path, corpus, adapter):
    path = corpus(*(document(number) for number in range(30)))
    texts = [" ".join((document(number).get("title", ""), document(number)["text"])).strip() for number in range(30)]
    np.save(tmp_path / "v.npy", 3 * BARE.encode_documents(texts))
    np.save(tmp_path / "q.npy", 5 * BARE.encode_queries(["word7 word3"]))
    words = ["build", path, "--vectors", str(tmp_path / "v.npy"), "--adapter", str(tmp_path / "a"), "--dims", "16,64"]
    built = CliRunner().invoke(main, [*words, "--index", str(tmp_path / "given")])
    assert built.exit_code == 0, built.output
    (query,) = adapter.apply(np.load(tmp_path / "q.npy"))
    wanted = adapter.apply(np.load(tmp_path / "v.npy")) @ query
    words = ["query", "--vectors", str(tmp_path / "q.npy"), "--index", str(tmp_path / "given"), "--funnel", "64:3"]
    asked = CliRunner().invoke(main, words)
    found = [float(line.split()[4]) for line in asked.output.splitlines()]
    assert found == pytest.approx(sorted(wanted.tolist(), reverse=True)[:3], abs=1e-6)


def test_query_vectors_of_another_width_are_refused(index):
    with mrl_search.open(index) as retriever, pytest.raises(VectorsError, match="the adapter takes 64 dims"):
        retriever.search_vectors(np.ones((1, 32), np.float32))


def test_documents_that_are_added_and_compacted_pass_through_it_too(index, corpus, adapter, apart):
    mrl_search.add(index, corpus(document(100), document(101), name="more.jsonl"))
    mrl_search.delete(index, ["3"])
    for _ in range(2):
        wanted = by_hand(adapter, "word7 word3", index)
        with mrl_search.open(index) as retriever:
            (answers,) = retriever.search(["word7 word3"], funnel="64:40")
        assert {answer.id: answer.score for answer in answers} == pytest.approx(wanted, abs=1e-6)
        mrl_search.compact(index, refit=True, rotation="pca")
    assert check(index) == []


def test_an_adapted_encoder_that_is_handed_in_is_not_adapted_twice(index, corpus, spec, adapter, tmp_path):
    encoder = load_encoder(spec)
    mrl_search.add(index, corpus(document(100), name="more.jsonl"), encoder=encoder)
    wanted = by_hand(adapter, "word7 word3", index)
    with mrl_search.open(index, encoder) as retriever:
        (answers,) = retriever.search(["word7 word3"], funnel="64:40")
    assert {answer.id: answer.score for answer in answers} == pytest.approx(wanted, abs=1e-6)
    other = Adapter(adapter.fitted, {"matrix": np.eye(64, dtype=np.float32)})
    plain = mrl_search.build(corpus(document(1)), tmp_path / "plain", encoder="hashing:64", dims=(16, 64))
    for folder in (index, plain):
        with pytest.raises(EncoderError, match="name the encoder alone: an index keeps its adapter"):
            mrl_search.open(folder, AdaptedEncoder(BARE, "x", other))


def test_a_rotation_stands_behind_the_adapter(tmp_path, corpus, spec, adapter):
    path = corpus(*(document(number, f"word{number % 13} word{number % 7} {number}") for number in range(1_200)))
    options = mrl_search.BuildOptions(rotation="pca")
    turned = mrl_search.build(path, tmp_path / "turned", dims=(16, 64), encoder=spec, options=options)
    with mrl_search.open(turned) as retriever:
        (answers,) = retriever.search(["word7 word3"], funnel="64:10")
        wanted = by_hand(adapter, "word7 word3", turned)
        assert all(answer.score == pytest.approx(wanted[answer.id], abs=1e-5) for answer in answers)
        (query,) = retriever.stored.turned(BARE.encode_queries(["word7 word3"]))
    rotation = retriever.stored.rotation
    assert query == pytest.approx(
        rotation.apply(adapter.apply(BARE.encode_queries(["word7 word3"])))[0].tolist(), abs=1e-6
    )


def test_an_index_that_takes_the_place_of_an_adapted_one_keeps_nothing_of_it(index, corpus):
    path = corpus(document(1), document(2))
    options = mrl_search.BuildOptions(force=True)
    mrl_search.build(path, index, dims=(16, 64), encoder="hashing:64", options=options)
    assert read_manifest(index)[0].adapter is None
    with sqlite3.connect(index / "index.sqlite") as database:
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'adapter'").fetchall()


@pytest.mark.parametrize(
    "damage", ["UPDATE adapter SET content = zeroblob(9)", "DELETE FROM adapter", "DROP TABLE adapter"]
)
def test_a_damaged_adapter_is_found_when_the_index_is_opened(index, damage):
    with sqlite3.connect(index / "index.sqlite") as database:
        database.execute(damage)
    with pytest.raises(IndexStoreError, match="the adapter that the index keeps"):
        open_index(index)
    assert any("the adapter that the index keeps" in finding.problem for finding in check(index))


def test_a_missing_adapter_fails_before_anything_is_built(tmp_path, corpus):
    with pytest.raises(AdapterError, match="there is no adapter in"):
        mrl_search.build(corpus(document(1)), tmp_path / "i", encoder=EncoderSpec("hashing:64", adapter="nowhere"))
    assert not (tmp_path / "i").exists()


def test_an_evaluation_is_of_adapted_vectors(tmp_path, adapter, spec):
    folder = tmp_path / "data" / "tiny"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("".join(f'{{"_id": "{n}", "text": "word{n} common"}}\n' for n in range(30)))
    (folder / "queries.jsonl").write_text("".join(f'{{"_id": "q{n}", "text": "word{n}"}}\n' for n in range(5)))
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\t{n}\t1\n" for n in range(5))
    )
    words = [
        "eval",
        "--dataset",
        f"dir:{folder}",
        "--dims",
        "8",
        "--no-funnel",
        "--no-runs",
        "--out",
        str(tmp_path / "o"),
    ]
    for named in (
        ["--encoder", f"hashing:64:adapter={tmp_path / 'a'}"],
        ["--encoder", "hashing:64", "--adapter", str(tmp_path / "a")],
    ):
        found = CliRunner().invoke(main, [*words, *named])
        assert found.exit_code == 0, found.output
    (result,) = (tmp_path / "o").glob("*.json")
    rows = mrl_search.evaluate(mrl_search.EvalRecipe(f"dir:{folder}", encoders=(spec,), dims=(8,), funnels=())).reports
    documents = adapter.apply(BARE.encode_documents([f"word{n} common" for n in range(30)]))
    queries = adapter.apply(BARE.encode_queries([f"word{n}" for n in range(5)]))
    ranks = (-(prefix(queries, 8) @ prefix(documents, 8).T)).argsort(axis=1)
    places = [int(np.flatnonzero(ranks[n] == n)[0]) + 1 for n in range(5)]
    assert rows[1].mean["MRR@10"] == pytest.approx(np.mean([1 / p if p <= 10 else 0 for p in places]))
    assert f'"encoder": "hashing:64 [adapter={tmp_path / "a"}]"' in result.read_text()
    assert unit(documents) == pytest.approx(documents, abs=1e-6)

"""Words and vectors in an index, beside what an evaluation says of them and what one build would answer."""

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from living_corpus import HASHING, built_of, document

import mrl_search
from mrl_search.data import read_queries
from mrl_search.errors import EncoderError, IndexStoreError
from mrl_search.eval import EvalOptions, EvalRecipe, evaluate
from mrl_search.fusion import Fusion
from mrl_search.hits import Hits
from mrl_search.hybrid import sides
from mrl_search.indexes import Said, add_words, open_index, segments_with_words
from mrl_search.living import add, compact, delete
from mrl_search.run import read_run

GOLDEN = Path(__file__).parent / "indexes" / "golden"
QUERIES = ["red fox", "number 7 of 0", "title 12", "", "the of zebra", 'title" OR *NEAR(3)\0🦊']
WAYS = ["rrf", 0.0, 0.3, "1"]


def hybrids(folder, **told):
    with mrl_search.open(folder) as retriever:
        return [retriever.search(QUERIES, hybrid=way, **told) for way in WAYS]


def hybrids_of(tmp_path, *documents, **told):
    """What one build of these documents answers."""
    built_of(tmp_path, *documents)
    return hybrids(tmp_path / "whole", **told)


@pytest.mark.parametrize("what", ["rows = x'000001000100'", "counts = x'010107'"])
def test_words_that_flipped_are_found_by_check_and_made_anew(tmp_path, what):
    built_of(tmp_path, *(document(number, "red fox") for number in range(3)))
    wanted = hybrids(tmp_path / "whole")
    with sqlite3.connect(tmp_path / "whole" / "index.sqlite") as database:
        database.execute(f"UPDATE postings SET {what} WHERE word = 'fox'")
    database.close()
    (finding,) = mrl_search.check(tmp_path / "whole")
    assert finding.problem == "the words of segment 1 are damaged"
    (finding,) = mrl_search.check(tmp_path / "whole", repair=True)
    assert finding.is_mended
    assert mrl_search.check(tmp_path / "whole") == []
    assert hybrids(tmp_path / "whole") == wanted


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    documents = [
        {"_id": f"d{n}", "title": f"of {n % 3}0", "text": f"number {n} of {n % 7} things, said {n * n}"}
        for n in range(60)
    ]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    queries = [{"_id": f"q{n}", "text": f"thing {n * n} numbered {n % 5}0 things"} for n in (3, 7, 11, 50)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in queries))
    (folder / "qrels/test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td1\t1\n" for n in (3, 7, 11, 50))
    )
    return folder


@pytest.mark.parametrize("way", ["rrf", "0.2", "0.7"])
def test_an_index_answers_as_eval_says_it_would(dataset, tmp_path, way):
    recipe = EvalRecipe(
        f"dir:{dataset}",
        encoders=(mrl_search.EncoderSpec("hashing:64"),),
        dims=(16,),
        funnels=("16:30,64:10",),
        measures=("MRR@10",),
        hybrid=(way,),
    )
    evaluate(recipe, EvalOptions(runs=tmp_path / "runs"))
    (path,) = (tmp_path / "runs").glob("*bm25-*16x30_64x10.trec")
    folder = mrl_search.build(dataset / "corpus.jsonl", tmp_path / "index", dims=(16, 64), encoder="hashing:64")
    texts = read_queries(str(dataset / "queries.jsonl"))
    with mrl_search.open(folder) as retriever:
        plan = retriever.plan(funnel="16:30,64:10", hybrid=way)
        run = retriever.hybrid_run(texts, retriever.encode(list(texts.values())), plan)
        answers = retriever.search(list(texts.values()), funnel="16:30,64:10", hybrid=way)
    wanted = read_run(path).ranking
    for query, ranking in run.ranking.items():
        assert [one.id for one in ranking] == [one.id for one in wanted[query]]
        # a build scales stored vectors to unit length once more, which moves last bits
        assert [one.score for one in ranking] == pytest.approx([one.score for one in wanted[query]], abs=1e-6)
    found = [[(answer.id, answer.score) for answer in some] for some in answers]
    assert found == [[tuple(one) for one in some] for some in run.ranking.values()]


def test_shares_of_none_and_all_are_vectors_and_words_alone(built):
    with mrl_search.open(built) as retriever:
        plain = retriever.search(["title 12"], funnel="64:30")[0]
        assert [one.id for one in retriever.search(["title 12"], funnel="64:30", hybrid=0)[0]] == [
            one.id for one in plain
        ]
        (by_words,) = retriever.search(["title 12"], hybrid=1, k=1)
    assert (by_words[0].id, by_words[0].score, by_words[0].title) == ("d12", 1.0, "title 12")


def test_what_comes_and_goes_is_found_by_words_as_by_one_build(tmp_path, corpus, built, apart):
    add(built, corpus(document(30, "red fox"), document(31), name="more.jsonl"))
    add(built, corpus(document(3, "zebra of the red sea", year=2000), name="more.jsonl"))
    delete(built, ["d7", "d31"])
    kept = [document(n) for n in range(30) if n not in (3, 7)]
    kept += [document(30, "red fox"), document(3, "zebra of the red sea", year=2000)]
    wanted = hybrids_of(tmp_path, *kept)
    assert hybrids(built) == wanted
    with mrl_search.open(built) as retriever:
        assert [one.id for one in retriever.search(["zebras"], hybrid=1, k=1)[0]] == ["d3"]
    compact(built)
    assert hybrids(built) == wanted
    assert mrl_search.check(built) == []


def test_segments_that_are_merged_keep_their_words(tmp_path, corpus, built):
    for number in range(30, 33):
        add(built, corpus(document(number, f"zebra {number}"), name="more.jsonl"))
    assert hybrids(built) == hybrids_of(
        tmp_path, *map(document, range(30)), *(document(n, f"zebra {n}") for n in range(30, 33))
    )
    stored = open_index(built)
    assert segments_with_words(stored.catalog.connection) == {one.number for one in stored.segments}
    stored.close()


def test_words_find_only_what_a_filter_passes(tmp_path, corpus):
    documents = [document(n, year=2000 + n) for n in range(30)]
    index = mrl_search.build(corpus(*documents), tmp_path / "index", dims=(16, 64), encoder="hashing:64")
    for ways in hybrids(index, where="year >= 2025", k=9):
        assert [{one.id for one in some} for some in ways] == [{f"d{n}" for n in range(25, 30)}] * len(QUERIES)
    with mrl_search.open(index) as retriever:
        assert retriever.search(["title 12"], hybrid=1, where="year = 2013")[0][0].id == "d13"
        assert retriever.search(["title 12"], hybrid=1, where="year = 1")[0] == []


def test_an_index_from_which_all_was_deleted_finds_nothing(built):
    delete(built, [f"d{number}" for number in range(30)])
    assert hybrids(built) == [[[]] * len(QUERIES)] * len(WAYS)
    compact(built)
    assert hybrids(built) == [[[]] * len(QUERIES)] * len(WAYS)


def test_what_could_not_be_added_leaves_no_word_behind(tmp_path, corpus, built):
    def broken(texts):
        raise EncoderError("no more")

    before, catalog = hybrids(built), (built / "index.sqlite").read_bytes()
    encoder = mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))
    encoder.encode_documents = broken
    with pytest.raises(EncoderError, match="no more"):
        add(built, corpus(document(31, "zebra"), name="more.jsonl"), encoder=encoder)
    assert hybrids(built) == before
    assert (built / "index.sqlite").read_bytes() == catalog


def test_an_index_of_an_older_version_says_how_it_gets_words(tmp_path):
    folder = tmp_path / "index"
    shutil.copytree(GOLDEN / "format-1" / "float32", folder)
    told = rf"was written by a mrl-search that kept no words, or none with checksums; to make them, run: mrl-search words {folder}"
    with mrl_search.open(folder) as retriever:
        plain = retriever.search(["wooden dolls"])
        with pytest.raises(IndexStoreError, match=told):
            retriever.search(["wooden dolls"], hybrid="rrf")
    for _ in range(2):  # the second time there is nothing to do
        add_words(folder, lambda _: None)
        with mrl_search.open(folder) as retriever:
            assert retriever.search(["wooden dolls"]) == plain
            assert retriever.search(["wooden dolls"], hybrid=1)[0][0].id == "doll"
    assert mrl_search.check(folder) == []


def test_words_of_a_damaged_catalog_are_not_made(tmp_path):
    folder = tmp_path / "index"
    shutil.copytree(GOLDEN / "format-1" / "float32", folder)
    connection = sqlite3.connect(folder / "index.sqlite")
    connection.execute("UPDATE documents SET row = 77 WHERE id = 'doll'")
    connection.commit()
    connection.close()
    with pytest.raises(IndexStoreError, match="speaks of row 77 of segment 1, which has 5"):
        add_words(folder, lambda _: None)
    stored = open_index(folder)
    assert segments_with_words(stored.catalog.connection) == set()
    stored.close()


def test_a_replaced_index_has_only_its_own_words(tmp_path, corpus, built):
    options = mrl_search.BuildOptions(force=True)
    mrl_search.build(corpus(document(1, "zebra")), built, dims=(16, 64), encoder="hashing:64", options=options)
    stored = open_index(built)
    words = {word for (word,) in stored.catalog.connection.execute("SELECT word FROM postings")}
    stored.close()
    assert words == {"titl", "zebra"}


def test_given_vectors_and_their_texts_are_fused_too(tmp_path, corpus):
    np.save(tmp_path / "v.npy", np.eye(8, dtype=np.float32))
    path = corpus(*(document(n, f"word{n}") for n in range(8)))
    options = mrl_search.BuildOptions(vectors=tmp_path / "v.npy")
    with mrl_search.open(mrl_search.build(path, tmp_path / "i", dims=(4, 8), options=options)) as retriever:
        plan = retriever.plan(k=2, hybrid=0.5)
        run = retriever.hybrid_run({"q": "word3"}, np.eye(8, dtype=np.float32)[5:6], plan)
    # by vectors d5 is best and all others equal (cosine 0 of 1, halves scaled from -1), by words d3
    assert [(one.id, round(one.score, 4)) for one in run.ranking["q"]] == [("d3", 0.75), ("d5", 0.5)]
    assert run.name.endswith(",words=0.5")


class Reranked:
    """An index that knows the cosine of each row."""

    def rerank(self, queries, hits, stage):
        rows = np.sort(hits.rows, axis=1)[:, ::-1]
        return Hits(np.where(rows < 0, -np.inf, rows / 10).astype(np.float32), rows)


def test_a_sum_names_on_both_sides_what_either_found_and_ranks_only_what_each_found():
    near = Hits(np.array([[0.9, 0.8]], np.float32), np.array([[9, 8]]))
    scores = np.array([0, 0, 5, 0, 0, 0, 0, 0, 1, 0], np.float32)
    said = Said([np.array([2])], lambda rows: [scores[some] for some in rows])
    (both,) = sides(Reranked(), HASHING.encode_queries([""]), near, said, Fusion(0.5), 64)
    assert both.vectors.rows.tolist() == both.words.rows.tolist() == [9, 8, 2]
    assert both.vectors.scores.tolist() == pytest.approx([0.9, 0.8, 0.2])
    assert both.words.scores.tolist() == [0, 1, 5]
    (both,) = sides(Reranked(), HASHING.encode_queries([""]), near, said, Fusion(), 64)
    assert (both.vectors.rows.tolist(), both.words.rows.tolist()) == ([9, 8], [2])

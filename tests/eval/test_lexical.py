import math

import pytest

from mrl_search.data import load_dataset
from mrl_search.encoders import EncoderSpec
from mrl_search.eval import EvalOptions, EvalRecipe, evaluate, table
from mrl_search.eval.lexical import bm25, words_of
from mrl_search.run import read_run

DOCUMENTS = {
    "fox": "A red fox ran through the forest; foxes run.",
    "law": "The tax law of the land is a law.",
    "whale": "A blue whale sings in the sea.",
    "copy": "A blue whale sings in the sea.",
}


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "set/qrels").mkdir(parents=True)
    (tmp_path / "set/corpus.jsonl").write_text(
        "".join(f'{{"_id": "{name}", "text": "{text}"}}\n' for name, text in DOCUMENTS.items())
    )
    (tmp_path / "set/queries.jsonl").write_text(
        '{"_id": "q", "text": "running foxes"}\n{"_id": "p", "text": "whales"}\n'
        '{"_id": "law", "text": "laws"}\n{"_id": "none", "text": "the of zebra"}\n'
    )
    (tmp_path / "set/qrels/test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq\tfox\t1\np\twhale\t1\nlaw\tlaw\t1\nnone\tlaw\t1\n"
    )
    return f"dir:{tmp_path / 'set'}"


def bm25_of(dataset, depth):
    return bm25(words_of(load_dataset(dataset, "test", None), list(DOCUMENTS), depth))


def test_words_are_stemmed_equals_come_by_id_and_what_shares_no_word_is_not_found(dataset):
    run, cost = bm25_of(dataset, 3)
    assert {query: [document.id for document in found] for query, found in run.ranking.items()} == {
        "q": ["fox"],
        "p": ["copy", "whale"],
        "law": ["law"],
        "none": [],
    }
    assert run.ranking["p"][0].score == run.ranking["p"][1].score > 0
    assert cost.macs_per_query == 1  # (1 + 1 [run, fox] + 2 + 1 + 0) / 4, rounded
    assert cost.ram_bytes_per_document > 0
    assert cost.disk_bytes_per_document == 0


def test_of_equals_at_the_last_place_the_first_of_the_corpus_are_kept(dataset):
    run, _ = bm25_of(dataset, 1)
    assert [document.id for document in run.ranking["p"]] == ["whale"]


def test_an_evaluation_has_it_as_its_last_row(dataset, tmp_path):
    recipe = EvalRecipe(
        dataset, encoders=(EncoderSpec("hashing:16"),), dims=(16,), measures=("MRR@10",), bm25=True, drop_self=True
    )
    found = evaluate(recipe, EvalOptions(runs=tmp_path / "runs"))
    last = found.reports[-1]
    assert (last.encoder, last.funnel, last.rotation) == ("bm25", "bm25:10", "none")
    assert last.per_query["MRR@10"] == {"q": 1.0, "p": 0.5, "law": 0.0, "none": 0.0}  # the query's own is left out
    assert set(read_run(tmp_path / "runs/bm25.trec").ranking) == {"q", "p"}
    assert [line.split()[:2] for line in table(found).splitlines() if line.startswith("bm25")] == [["bm25", "bm25:10"]]
    assert "--bm25" in found.command


def test_scores_are_those_of_bm25s(dataset):
    import bm25s
    import Stemmer

    stem = Stemmer.Stemmer("english")
    tokens = [bm25s.tokenize([t], stemmer=stem, return_ids=False, show_progress=False)[0] for t in DOCUMENTS.values()]
    index = bm25s.BM25()
    index.index(tokens, show_progress=False)
    run, _ = bm25_of(dataset, 4)
    for query, words in {"q": ["run", "fox"], "p": ["whale"], "law": ["law"]}.items():
        wanted = dict(zip(DOCUMENTS, index.get_scores(words).tolist(), strict=True))
        found = {one.id: one.score for one in run.ranking[query]}
        assert found == pytest.approx({name: s for name, s in wanted.items() if s > 0}, rel=1e-6)


def test_scores_are_those_of_the_formula(dataset):
    run, _ = bm25_of(dataset, 3)
    # without stop words: tax law land law; Lucene leaves out the factor k1 + 1
    lengths = {"fox": 6, "law": 4, "whale": 4, "copy": 4}
    mean = sum(lengths.values()) / 4
    idf = math.log(1 + (4 - 1 + 0.5) / (1 + 0.5))
    wanted = idf * 2 / (2 + 1.5 * (1 - 0.75 + 0.75 * lengths["law"] / mean))
    assert run.ranking["law"][0].score == pytest.approx(wanted, rel=0.02)

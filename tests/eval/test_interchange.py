import json
from dataclasses import replace

import numpy as np
import pytest
from test_report import REPORT

from mrl_search.data import Tolerance, load_dataset
from mrl_search.encoders import EncoderSpec, cached, load_encoder
from mrl_search.errors import RecipeError
from mrl_search.eval import EvalOptions, EvalRecipe, MTEBEncoder, evaluate, write_mteb
from mrl_search.eval.interchange import mteb_result

ENCODER = load_encoder(EncoderSpec("hashing:64"))


def test_queries_and_documents_are_told_apart_and_batches_stay_in_order():
    class Sided:
        dim, spec = 2, EncoderSpec("sided")

        def encode_queries(self, texts):
            return np.tile(np.float32([1, 0]), (len(texts), 1))

        def encode_documents(self, texts):
            return np.tile(np.float32([0, 1]), (len(texts), 1))

    model = MTEBEncoder(Sided())
    batches = [{"text": ["a", "b"]}, {"text": ["c"]}]
    assert model.encode(batches, prompt_type="query", task_metadata=None).tolist() == [[1, 0]] * 3
    assert model.encode(batches).tolist() == [[0, 1]] * 3
    found = MTEBEncoder(ENCODER).encode([{"text": ["red fox"]}, {"text": ["tax law"]}])
    np.testing.assert_array_equal(found, ENCODER.encode_documents(["red fox", "tax law"]))
    np.testing.assert_allclose(model.similarity(found, found), found @ found.T)
    np.testing.assert_allclose(model.similarity_pairwise(found, found), [1, 1], rtol=1e-6)


def test_results_are_written_for_every_row_and_mteb_reads_them(whole, tmp_path):
    task_result = pytest.importorskip("mteb.results", reason="mteb is not installed").TaskResult
    written = write_mteb([replace(whole, dataset="scifact")], tmp_path / "mteb")
    assert len(written) == len(whole.reports)
    for path, row in zip(written, whole.reports, strict=True):
        read = task_result.from_disk(path)
        assert (read.task_name, read.get_score()) == ("SciFact", row.mean["nDCG@10"])
        assert json.loads(path.read_text())["scores"]["test"][0].get("recall_at_100") == row.mean.get("Recall@100")


def test_rows_of_one_name_are_not_written_over_one_another(whole, tmp_path):
    other = replace(whole.reports[0], mean={"nDCG@10": 0.0}, per_query={"nDCG@10": {"q": 0.0}})
    with pytest.raises(RecipeError, match="two results have the row"):
        write_mteb([whole, replace(whole, measures=("nDCG@10",), reports=(other,))], tmp_path / "mteb")
    assert not (tmp_path / "mteb").exists()


def test_without_the_main_score_there_is_no_result(whole):
    with pytest.raises(RecipeError, match="mteb wants nDCG@10"):
        mteb_result(whole, replace(REPORT, mean={"MRR@10": 0.5}))


def local(name, dataset):
    """An mteb task over a collection of ours."""
    from datasets import Dataset
    from mteb import get_task

    task = get_task(name)
    corpus = [
        {"id": document.id, "title": document.title, "text": document.text}
        for document in dataset.corpus.read(Tolerance(0))
    ]
    queries = [{"id": query, "text": text} for query, text in dataset.queries.items()]
    split = {"corpus": Dataset.from_list(corpus), "queries": Dataset.from_list(queries), "top_ranked": None}
    task.dataset = {"default": {"test": split | {"relevant_docs": {q: dict(d) for q, d in dataset.qrels.items()}}}}
    task.data_loaded = True
    return task


@pytest.mark.parametrize("name", ["hashing:256", pytest.param("all-MiniLM-L6-v2", marks=pytest.mark.slow)])
def test_mteb_finds_the_scores_that_we_find(name, shared_data):
    mteb = pytest.importorskip("mteb", reason="mteb is not installed")
    encoder = cached(load_encoder(EncoderSpec(name)))
    dataset = load_dataset("scifact", "test", shared_data / "beir")
    theirs = mteb.evaluate(MTEBEncoder(encoder), local("SciFact", dataset), cache=None, show_progress_bar=False)
    found = theirs.task_results[0].scores["test"][0]
    recipe = EvalRecipe("scifact", encoders=(EncoderSpec(name),), dims=(64,), funnels=())
    ours = evaluate(recipe, EvalOptions(data=shared_data / "beir")).reports[0].mean
    # mteb rounds to five places
    assert found["ndcg_at_10"] == pytest.approx(ours["nDCG@10"], abs=2e-5)
    assert found["recall_at_100"] == pytest.approx(ours["Recall@100"], abs=2e-5)

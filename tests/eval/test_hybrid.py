import json
from dataclasses import replace

import numpy as np
import pytest

from mrl_search.data import load_dataset
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import FusionError, RecipeError
from mrl_search.eval import EvalOptions, EvalRecipe, evaluate, table
from mrl_search.eval.cost import measured
from mrl_search.eval.encoded import distinct_ids, encode
from mrl_search.eval.hybrid import hybrid
from mrl_search.eval.lexical import words_of
from mrl_search.funnel import Funnel
from mrl_search.fusion import Fusion
from mrl_search.indexes import VectorIndex
from mrl_search.run import read_run


@pytest.fixture
def recipe(tmp_path):
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{n}", "text": f"number {n} of {n % 7} things, said {n * n}"} for n in range(40)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    queries = [{"_id": f"d{n}", "text": f"things {n * n} of {n % 5}"} for n in (3, 7, 11)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in queries))
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nd3\td3\t1\nd7\td7\t1\nd11\td10\t1\n")
    return {"dataset": f"dir:{folder}", "encoders": (EncoderSpec("hashing:32"),), "dims": (8,), "measures": ("MRR@5",)}


def test_each_funnel_that_ends_at_full_width_has_a_row_of_each_hybrid(recipe, tmp_path):
    recipe = EvalRecipe(**recipe, hybrid=("rrf", "0.4"))
    found = evaluate(recipe, EvalOptions(runs=tmp_path / "runs"))
    both = ["hashing:32 + bm25 rrf", "hashing:32 + bm25 0.4"]
    assert [(row.encoder, row.funnel) for row in found.reports] == [
        ("hashing:32", "32:5"),
        *((name, "32:5") for name in both),
        ("hashing:32", "8:5"),
        ("hashing:32", "8:200,32:5"),
        *((name, "8:200,32:5") for name in both),
        ("bm25", "bm25:5"),
    ]
    assert "--hybrid rrf --hybrid 0.4" in found.command
    assert both[0] in table(found)
    full, rrf, *_, words = found.reports
    assert rrf.cost.macs_per_query == full.cost.macs_per_query + words.cost.macs_per_query
    assert rrf.difference is not None  # beside the encoder's full width
    near, said, fused = (
        read_run(tmp_path / f"runs/{name}.trec").ranking
        for name in ("hashing-32-32x5", "bm25", "hashing-32---bm25-rrf-32x5")
    )
    for query, documents in fused.items():
        wanted = Fusion()(near[query], said.get(query, ()), 5)
        assert [one.id for one in documents] == [one.id for one in wanted]


def test_the_querys_own_document_is_left_out_of_both(recipe):
    found = evaluate(EvalRecipe(**recipe, hybrid=("0.5",), drop_self=True), EvalOptions())
    assert found.reports[1].per_query["MRR@5"]["d3"] == 0.0


def test_a_way_to_fuse_that_is_none_or_named_twice_is_refused(recipe):
    with pytest.raises(FusionError, match="wanted rrf"):
        EvalRecipe(**recipe, hybrid=("best",))
    with pytest.raises(RecipeError, match="one way of --hybrid is named twice: 0.2, 0.20"):
        EvalRecipe(**recipe, hybrid=("0.2", "0.20"))


def test_a_sum_scores_by_both_what_either_finds(recipe):
    """Beside a sum over the whole collection: with few documents wanted, the best of it are among those."""
    name = recipe["dataset"]
    dataset = load_dataset(name, "test", None)
    ids = distinct_ids(dataset)
    encoded = encode(dataset, ids, load_encoder(EncoderSpec("hashing:32")))
    words, funnel = words_of(dataset, ids, 40), Funnel.parse("32:40")
    index = VectorIndex(encoded.documents)
    _, cost = measured(index, encoded.queries, funnel)
    few, _ = hybrid(index, encoded, replace(words, depth=5), Fusion(0.7), Funnel.parse("32:5"), cost, drops_self=False)
    for place, query in enumerate(dataset.queries):
        cosines = encoded.documents.take(np.arange(len(ids)), 32) @ encoded.queries[place]
        said = words.found(place, place + 1)
        (scores,) = said.score([np.arange(len(ids))])
        both = 0.3 * (cosines + 1) / (cosines.max() + 1) + 0.7 * scores / scores.max()
        found = {document.id: document.score for document in few[query]}
        assert found == pytest.approx({name: both[ids.index(name)] for name in found}, abs=1e-5)
        either = {
            *np.argsort(-cosines, kind="stable")[:5].tolist(),
            *said.rows[0][:5].tolist(),
        }
        best = sorted(either, key=lambda row: (-both[row], ids[row]))[:5]
        assert sorted(both[[ids.index(name) for name in found]]) == pytest.approx(sorted(both[best]), abs=1e-5)

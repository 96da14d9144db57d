import math

import pytest

from mrl_search.data import read_trec_qrels
from mrl_search.errors import MeasureError
from mrl_search.eval.measures import cutoff, demand_computable, mean, per_query
from mrl_search.run import Run, ScoredDoc, read_run


def run(**lists):
    """Runs in which every score is equal, so that only the lists' order can rank."""
    return Run("r", {query: [ScoredDoc(document, 1.0) for document in documents] for query, documents in lists.items()})


def test_the_lists_order_is_the_ranking_for_every_provider_though_scores_are_equal():
    # pytrec_eval would put b first, the MS MARCO script a; both must see a, b
    values = per_query(run(q=["a", "b"]), {"q": {"a": 1}}, ["nDCG@10", "RR@10", "P@1"])
    assert {name: value["q"] for name, value in values.items()} == {"nDCG@10": 1.0, "RR@10": 1.0, "P@1": 1.0}


def test_values_worked_by_hand():
    values = per_query(
        run(q=["x", "a", "y", "b"]), {"q": {"a": 2, "b": 1, "c": 1}}, ["nDCG@10", "Recall@100", "MRR@10", "AP"]
    )
    gain = 2 / math.log2(3) + 1 / math.log2(5)
    ideal = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert values["nDCG@10"]["q"] == pytest.approx(gain / ideal)
    assert values["Recall@100"]["q"] == pytest.approx(2 / 3)
    assert values["MRR@10"]["q"] == pytest.approx(1 / 2)
    assert values["AP"]["q"] == pytest.approx((1 / 2 + 2 / 4) / 3)


def test_a_query_without_an_answer_counts_zero():
    qrels = {"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 1}}
    values = per_query(run(q1=["a"], q2=[]), qrels, ["nDCG@10"])
    assert values["nDCG@10"] == {"q1": 1.0, "q2": 0.0, "q3": 0.0}
    assert mean(values["nDCG@10"]) == pytest.approx(1 / 3)


def test_no_answer_at_all_and_answers_to_other_queries():
    assert per_query(run(), {"q": {"a": 1}}, ["AP"]) == {"AP": {"q": 0.0}}
    assert per_query(run(other=["a"]), {"q": {"a": 1}}, ["AP"]) == {"AP": {"q": 0.0}}


def test_judged_documents_the_corpus_lacks_still_count_against_recall():
    assert per_query(run(q=["a"]), {"q": {"a": 1, "gone": 1}}, ["R@10"])["R@10"]["q"] == 0.5


def test_the_cutoff_of_a_measure():
    assert (cutoff("nDCG@10"), cutoff("Recall@100"), cutoff("AP")) == (10, 100, 1000)


@pytest.mark.parametrize("name", ["nonsense", "nDCG@x", "", "nDCG@10; import os"])
def test_a_measure_nobody_knows_is_refused(name):
    with pytest.raises(MeasureError, match="unknown measure"):
        cutoff(name)


def test_trec_evals_own_output_is_reproduced_to_four_decimals(shared_data):
    reference = shared_data / "reference" / "trec_eval"
    names = {"map": "AP", "recip_rank": "RR", "ndcg": "nDCG", "Rprec": "Rprec"}
    names |= {f"P_{k}": f"P@{k}" for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000)}
    names |= {f"recall_{k}": f"R@{k}" for k in (5, 10, 100, 1000)}
    names |= {f"ndcg_cut_{k}": f"nDCG@{k}" for k in (5, 10, 100, 1000)}
    ours = per_query(
        read_run(reference / "results.test"), read_trec_qrels(reference / "qrels.test"), list(names.values())
    )
    compared = 0
    for line in (reference / "out.test.aq").read_text().splitlines():
        name, query, value = line.split()
        if name in names:
            found = ours[names[name]]
            assert f"{found[query] if query != 'all' else mean(found):.4f}" == value, (name, query)
            compared += 1
    assert compared == len(names) * 4  # three queries and the mean


@pytest.mark.parametrize("name", ["INST", "alpha_nDCG@10"])
def test_a_measure_that_cannot_be_computed_says_so_before_any_work(name):
    with pytest.raises(MeasureError, match=f"cannot compute {name} here"):
        demand_computable([name])

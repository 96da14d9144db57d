"""mrl-search guarantee, and query --guarantee."""

import json

import numpy as np
import pytest
from calls import call

from mrl_search.vectors import unit


@pytest.fixture
def many(here):
    """700 documents of 32 dims under indexes/docs, and queries near them in q.npy."""
    random = np.random.default_rng(0)
    rows = unit((random.standard_normal((700, 32)) * 0.8 ** np.arange(32)).astype(np.float32))
    np.save("docs.npy", rows)
    np.save("q.npy", rows[:500] + np.float32(0.05) * random.standard_normal((500, 32)).astype(np.float32))
    (here / "docs.txt").write_text("".join(f"{row}\n" for row in range(700)))
    call("build", "ids:docs.txt", "--vectors", "docs.npy", "--dims", "8,32", "--index", "indexes/docs")
    return here


def test_exact_answers_are_those_of_full_width_with_bounds_and_without(many):
    wanted = call("query", "--vectors", "q.npy", "--funnel", "32:3").stdout.replace("32:3", "8:4,32:3,proven")
    without = call("query", "--vectors", "q.npy", "--funnel", "8:4,32:3", "--guarantee", "exact")
    assert without.stdout == wanted
    assert "no bounds, so all its vectors are compared; `mrl-search guarantee exact --index" in without.stderr
    made = call("guarantee", "exact").stdout
    assert made.startswith("bounds of 700 rows, ")
    proven = call("query", "--vectors", "q.npy", "--funnel", "8:4,32:3", "--guarantee", "exact")
    assert (proven.stdout, proven.stderr) == (wanted, "")
    assert call("query", "--vectors", "q.npy", "--funnel", "8:4,32:3").stdout != wanted
    assert "bounds" in call("info", "--verify").stdout


def test_a_recall_is_calibrated_and_then_asked_for(many):
    said = call("guarantee", "0.9", "--k", "3", "--vectors", "q.npy", "--json").stdout
    funnel = json.loads(said)["funnel"]
    assert call("query", "--vectors", "q.npy", "--k", "3", "--guarantee", "0.9").stdout == (
        call("query", "--vectors", "q.npy", "--funnel", funnel).stdout
    )
    assert f"0.9 of 3 by {funnel} (0.95 sure, 450 queries)" in call("info").stdout
    assert "0.99 for 3 answers was not calibrated" in call(
        "query", "--vectors", "q.npy", "--k", "3", "--guarantee", "0.99", code=1
    ).stderr  # fmt: skip
    assert "chooses the funnel" in call(
        "query", "--vectors", "q.npy", "--guarantee", "0.9", "--funnel", "8:9,32:3", code=1
    ).stderr  # fmt: skip


def test_an_index_that_was_tuned_to_compare_everything_is_calibrated_by_its_widths(many):
    call("tune", "--recall", "1", "--sample", "20", "--own")
    said = call("guarantee", "0.9", "--k", "3", "--vectors", "q.npy", "--json").stdout
    assert json.loads(said)["funnel"].startswith("8:")


def test_documents_stand_for_queries_with_a_warning(many):
    made = call("guarantee", ".8", "--k", "3")
    assert "sampled documents" in made.stdout
    assert "documents stand for them" in made.stderr


def test_a_wrong_level_is_a_wrong_call(many):
    assert "wanted exact, or a recall" in call("guarantee", "most", code=2).stderr
    assert "exact needs no queries" in call("guarantee", "exact", "--vectors", "q.npy", code=2).stderr


def test_one_answer_says_whether_it_is_certified(built):
    found = json.loads(call("query", "red fox", "--json", "--k", "1").stdout)
    assert (found["certified"], found["bound_gap"]) == (True, None)  # 200 candidates of three documents
    found = json.loads(call("query", "red fox", "--json", "--funnel", "16:1,64:1").stdout)
    assert found["certified"] == (found["bound_gap"] <= 0)
    found = json.loads(call("query", "red fox", "--json", "--explain", "--k", "1", "--guarantee", "exact").stdout)
    assert (found["certified"], found["bound_gap"]) == (True, 0)
    assert [stage["stage"] for stage in found["stages"]] == ["16:200", "64:1", "proof"]
    assert "certified: these are the best" in call("query", "red fox", "--explain", "--guarantee", "exact").stdout


def test_explain_says_where_only_the_proof_found_an_answer(many):
    from mrl_search.cli.show import explanation
    from mrl_search.funnel import Funnel
    from mrl_search.retriever import open_retriever
    from mrl_search.trace import traced_search

    with open_retriever("indexes/docs") as retriever:
        for query in np.load("q.npy"):
            found = traced_search(retriever, query[None], Funnel.parse("8:2,32:2"), proof=True)
            if any(answer.id not in found.stages[1].ranks for answer in found.answers):
                break
        assert " - " in explanation(found, retriever.where)


def test_an_answer_says_which_recall_was_promised_of_it_and_how_surely(many):
    (many / "texts.jsonl").write_text("".join(f'{{"_id": "{row}", "text": "word {row}"}}\n' for row in range(400)))
    call("build", "texts.jsonl", "--encoder", "hashing:32", "--dims", "8,32", "--index", "indexes/words")
    call("guarantee", "0.5", "--k", "3", "--index", "words")
    told = call("query", "word 3", "--k", "3", "--guarantee", "0.5", "--index", "words")
    assert "; recall 0.5 of 3 by 8:" in told.stdout
    assert "0.95 sure" in told.stdout
    as_json = json.loads(call("query", "word 3", "--k", "3", "--guarantee", "0.5", "--index", "words", "--json").stdout)
    assert (as_json["promise"]["recall"], as_json["promise"]["confidence"]) == (0.5, 0.95)


def test_bounds_are_of_the_rows_of_their_segment_deleted_ones_too(built):
    (built / "gone.txt").write_text("fox\n")
    call("delete", "corpus", "--ids", "gone.txt")
    assert call("guarantee", "exact").stdout.startswith("bounds of 3 rows, ")

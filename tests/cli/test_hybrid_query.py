"""mrl-search query --hybrid and words, as a user meets them."""

import json
import shutil
from pathlib import Path

from calls import call

GOLDEN = Path(__file__).parents[1] / "indexes" / "golden"


def test_words_bring_what_they_share(built):
    lines = call("query", "taxes", "--hybrid", "1", "--k", "1").stdout.splitlines()
    assert lines[0].split()[:3] == ["1", "1.0000", "law"]
    assert lines[-1].endswith("funnel 16:200,64:100, words 1")


def test_explain_shows_the_rank_by_vectors_by_words_and_by_both(built):
    shown = call("query", "red foxes", "--explain", "--hybrid", "0.30").stdout.splitlines()
    heads = [head for head in shown[0].split("  ") if head]
    assert [head.strip() for head in heads] == [
        *("id", "16:200 rank score", "64:100 rank score", "64:3 rank score", "words rank score", "0.3 rank score"),
        "title",
    ]
    assert shown[1].split()[0] == "fox"
    assert shown[1].split()[-5:-1] == ["1", shown[1].split()[-4], "1", "1.0000"]
    assert not any("certified" in line for line in shown)


def test_json_says_how_both_were_fused_and_proves_nothing(built):
    told = json.loads(call("query", "red foxes", "--json", "--explain", "--hybrid", "rrf").stdout)
    assert (told["hybrid"], told["answers"][0]["id"]) == ("rrf", "fox")
    assert [stage["stage"] for stage in told["stages"]] == ["16:200", "64:100", "words", "rrf"]
    assert [one["id"] for one in told["stages"][2]["kept"]] == ["fox"]  # words found no other
    assert "certified" not in told
    assert "hybrid" not in json.loads(call("query", "red foxes", "--json").stdout)


def test_a_file_of_queries_becomes_a_run(built):
    (built / "q.jsonl").write_text('{"_id": "a", "text": "taxes"}\n{"_id": "b", "text": "whales"}\n')
    lines = call("query", "--queries", "q.jsonl", "--hybrid", "1", "--k", "1").stdout.splitlines()
    name = "corpus-16:200,64:100,words=1"
    assert lines == [f"a Q0 law 1 1 {name}", f"b Q0 whale 1 1 {name}"]
    told = call("query", "--queries", "q.jsonl", "--hybrid", "1", "--k", "1", "--json").stdout.splitlines()
    assert json.loads(told[1]) == {"query": "b", "answers": [{"rank": 1, "id": "whale", "score": 1.0}]}


def test_filters_hold_for_words(built):
    told = json.loads(call("query", "taxes", "--json", "--hybrid", "rrf", "--where", "year = 1999").stdout)
    assert [answer["id"] for answer in told["answers"]] == ["fox"]


def test_what_makes_no_sense_is_refused_in_one_line(built):
    assert "none can be given" in call("query", "x", "--hybrid", "rrf", "--guarantee", "exact", code=1).stderr
    assert "wanted rrf" in call("query", "x", "--hybrid", "best", code=2).stderr
    assert "wanted rrf" in call("query", "x", "--hybrid", "1.5", code=2).stderr
    assert "--hybrid needs texts" in call("query", "--vectors", "v.npy", "--hybrid", "1", code=2).stderr


def test_an_old_index_gets_words_by_a_command_that_the_error_names(here):
    shutil.copytree(GOLDEN / "format-2" / "float32", here / "old")
    refused = call("query", "dolls", "--index", "old", "--hybrid", "1", code=1).stderr
    assert refused.count("\n") == 1
    told = call(*refused.split("run: mrl-search ")[1].split()).stdout
    assert told.startswith("old: the words of ")
    assert (
        json.loads(call("query", "plants", "--index", "old", "--hybrid", "1", "--json").stdout)["answers"][0]["id"]
        == "tree"
    )
    assert json.loads(call("words", "old", "--json").stdout)["documents"] > 0

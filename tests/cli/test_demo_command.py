"""mrl-search demo, as a user meets it; with the hashing encoder, so that it takes seconds."""

import json

from calls import call


def test_the_demo_builds_asks_evaluates_and_says_where_to_look(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = call("demo", "--encoder", "hashing:128").stdout
    assert shown.count('mrl-search query "') == 3 + 1
    assert "indexes/stdlib" in shown
    assert "500 queries" in shown
    found = json.loads((tmp_path / "eval/results/demo.json").read_text())
    exact, *_, funnel = found["reports"]
    assert found["documents"] > 1000
    assert exact["funnel"] == "128:100"
    assert funnel["funnel"] == "64:200,128:100"
    assert exact["mean"]["nDCG@10"] > 0.05  # bags of words find some; chance would find 500 / 2,700 · 1/100 of them
    again = call("demo", "--encoder", "hashing:128").stdout
    assert "indexes/stdlib is there already" in again


def test_the_demo_does_not_take_the_place_of_another_index(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.jsonl").write_text('{"_id": "a", "text": "x"}\n')
    call("build", "c.jsonl", "--encoder", "hashing:8", "--index", "mine")
    refused = call("demo", "--encoder", "hashing:8", "--index", "mine", code=1)
    assert "mine holds c encoded by hashing:8; name another folder" in refused.stderr

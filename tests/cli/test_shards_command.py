"""`mrl-search build --shards`, `query`, `add`, `delete` and `shards` on a cluster."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from mrl_search.cli import main
from mrl_search.scale import read_cluster


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = (json.dumps({"_id": f"d{n}", "text": f"number {n}", "year": n}) + "\n" for n in range(60))
    (tmp_path / "c.jsonl").write_text("".join(lines))

    def run(*words, code=0):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == code, result.output
        return result

    run("build", "c.jsonl", "--index", "many", "--shards", "3", "--encoder", "hashing:64", "--dims", "16,64")
    run("build", "c.jsonl", "--index", "one", "--encoder", "hashing:64", "--dims", "16,64")
    return run


def test_a_cluster_answers_as_the_one_index(run, tmp_path):
    np.save("q.npy", np.random.default_rng(1).standard_normal((20, 64)).astype(np.float32))
    hybrid = ["number 7", "--hybrid", "0.3"]
    for words in (["number 7", "--k", "3"], ["--vectors", "q.npy"], ["number 7", "--where", "year > 50"], hybrid):
        many, one = (run("query", *words, "--index", name, "--json").stdout for name in ("many", "one"))
        assert [answers(line) for line in many.splitlines() if "answers" in line] == [
            answers(line) for line in one.splitlines() if "answers" in line
        ]


def test_a_cluster_in_object_storage_is_named_by_its_url(run, tmp_path, monkeypatch):
    monkeypatch.setenv("MRL_SEARCH_CACHE", str(tmp_path / "cache"))
    url, told = "memory://shop/big", ("--shards", "3", "--encoder", "hashing:64", "--dims", "16,64")
    built = run("build", "c.jsonl", "--index", url, *told)
    assert built.stdout.startswith(f"{url}: 3 shards, 60 documents")
    assert f"--index {url}" in built.stderr
    many, one = (run("query", "number 7", "--k", "3", "--index", name, "--json").stdout for name in (url, "one"))
    assert answers(many) == answers(one)
    shown = json.loads(run("shards", url, "--json").stdout)
    assert shown["cluster"] == url
    assert shown["shards"][0]["folder"].startswith(f"{url}/shards/000001-0000-")
    for words in (["shards", url, "--split", "s0"], ["add", url, "c.jsonl"], ["delete", url, "--where", "year > 3"]):
        assert f"Error: the cluster lies in {url}, where nothing is changed in place" in run(*words, code=1).stderr
    assert "already holds a cluster" in run("build", "c.jsonl", "--index", url, *told, code=1).stderr
    assert "only a cluster lies in object storage" in run("build", "c.jsonl", "--index", url, code=2).stderr
    assert (
        "there is no cluster at memory://shop/none" in run("query", "x", "--index", "memory://shop/none", code=1).stderr
    )


def answers(line):
    return json.loads(line)["answers"] if line.startswith("{") else line


def test_documents_come_and_go(run):
    (more,) = (run("add", "many", "c.jsonl", "--json").stdout,)
    assert json.loads(more)["removed"] == 60 and json.loads(more)["documents"] == 60
    assert "59 deleted" in run("delete", "many", "--where", "year > 0").stdout


def test_shards_are_shown_split_merged_and_moved(run, tmp_path):
    shown = run("shards", "many").stdout.splitlines()
    assert shown[0].endswith("version 1, 60 documents") and len(shown) == 4
    told = json.loads(run("shards", "many", "--split", "s1", "--json").stdout)
    assert [shard["name"] for shard in told["shards"]] == ["s0", "s2.0", "s2.1", "s2"]
    run("shards", "many", "--merge", "s0", "--merge", "s2")
    run("shards", "many", "--move", "s2.0", str(tmp_path / "there"))
    assert read_cluster(tmp_path / "many").version == 4
    assert "60 documents" in run("query", "number 7", "--index", "many").stdout


def test_a_cluster_is_compacted_and_proven_and_a_recall_is_calibrated(run, tmp_path):
    run("delete", "many", "--where", "year > 55")
    assert "compacted; 56 documents in 3 segments" in run("compact", "many").stdout
    assert (
        "makes proofs several times as fast"
        in run("query", "number 7", "--index", "many", "--guarantee", "exact").stderr
    )
    assert "bounds of 56 rows" in run("guarantee", "exact", "--index", "many").stdout
    assert "makes proofs" not in run("query", "number 7", "--index", "many", "--guarantee", "exact").stderr
    (tmp_path / "q.jsonl").write_text(
        "".join(json.dumps({"_id": f"q{n}", "text": f"number {n}"}) + "\n" for n in range(40))
    )
    told = run("guarantee", "0.5", "--index", "many", "--queries", "q.jsonl", "--k", "3").stdout
    assert "number" in run("query", "number 7", "--index", "many", "--guarantee", "0.5", "--k", "3").stdout, told


def test_a_cluster_is_tuned_to_a_funnel_that_query_then_walks(run, tmp_path):
    lines = (json.dumps({"_id": f"q{n}", "text": f"number {n}"}) + "\n" for n in range(40))
    (tmp_path / "q.jsonl").write_text("".join(lines))
    words = ["tune", "many", "--queries", "q.jsonl", "--recall", "0.5", "--k", "3", "--json"]
    assert json.loads(run(*words, "--dry-run").stdout)["chosen"]
    assert read_cluster(tmp_path / "many").version == 1
    found = json.loads(run(*words).stdout)
    told = read_cluster(tmp_path / "many")
    assert (told.version, told.manifest.funnel) == (2, found["chosen"]["funnel"])
    assert (found["better"], found["ahead"], told.manifest.tuned.source) == (None, None, "q.jsonl")
    assert f"funnel {told.manifest.funnel}" in run("query", "number 7", "--index", "many").stdout


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (["build", "c.jsonl", "--ray"], "say of how many shards", 2),
        (["query", "number 7", "--index", "one", "--ray=local"], "is no cluster", 1),
        (["shards", "one"], "there is no cluster in one", 1),
        (["shards", "many", "--split", "s0", "--merge", "s1"], "exclude one another", 2),
        (["tune", "many"], "give held-out ones with --queries FILE", 1),
        (["compact", "many", "--refit"], "all shards of a cluster have one rotation", 1),
        (["guarantee", "0.9", "--index", "many"], "give held-out ones with --queries FILE", 1),
    ],
)
def test_what_cannot_be_done_says_so(run, words, told, code):
    assert told in run(*words, code=code).output


def test_a_part_of_an_answer_says_what_it_lacks_and_claims_no_proof(run, monkeypatch):
    from mrl_search.scale.local import LocalShards

    asked = LocalShards.ask

    def without(shards, verb, *values):
        found = asked(shards, verb, *values)
        return {name: answer for name, answer in found.items() if name != "s1"}

    monkeypatch.setattr(LocalShards, "ask", without)
    assert "no answer from 1 of 3 shards (s1)" in run("query", "number 7", "--index", "many", code=1).output
    found = run("query", "number 7", "--index", "many", "--partial")
    assert found.stderr.strip() == "partial: without s1"
    told = json.loads(run("query", "number 7", "--index", "many", "--partial", "--json").stdout)
    assert told["partial"] is True and told["missing"] == ["s1"] and "certified" not in told

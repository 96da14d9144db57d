"""mrl-search query, as a user meets it."""

import io
import json
import os
import pty
import subprocess
import sys
import time

import numpy as np
import pytest
from calls import call


def test_query_prints_rank_score_id_title_snippet_and_timing(built):
    lines = call("query", "quick red fox", "--k", "2").stdout.splitlines()
    assert lines[0].split()[0::2][:2] == ["1", "fox"]
    assert lines[0].endswith("Animals")
    assert lines[1].strip() == "A red fox ran."
    assert lines[-1].startswith("2 of 3 documents of indexes/corpus in ")
    assert lines[-1].endswith("funnel 16:200,64:2")


def test_explain_shows_every_stage(built):
    shown = call("query", "red fox", "--explain", "--funnel", "16:3,64:1").stdout
    assert shown.splitlines()[0].split("  ")[0].strip() == "id"
    assert "16:3 rank score" in shown
    assert "stages: 16:3 " in shown


def test_json_says_by_what_answers_were_filtered(built):
    assert json.loads(call("query", "fox", "--json", "--where", "id = 'fox'").stdout)["where"] == "id = 'fox'"
    assert "where" not in json.loads(call("query", "fox", "--json").stdout)


def test_explain_says_what_searched(built):
    assert call("query", "red fox", "--explain", "--device", "cpu").stdout.count("; on cpu\n") == 1
    assert json.loads(call("query", "red fox", "--json", "--explain", "--device", "cpu").stdout)["device"] == "cpu"


VERBS = [
    ("build", "corpus.jsonl", "--force"),
    ("query", "x"),
    ("query", "--queries", "corpus.jsonl"),
    ("info",),
    ("eval", "--dataset", "dir:nothing"),
    ("train", "recipe.toml"),
    ("demo",),
    ("doctor", "hashing:64"),
    ("doctor", "indexes/corpus"),
    ("tune",),
    ("guarantee", "exact"),
]


@pytest.mark.parametrize("verb", VERBS)
def test_a_card_that_is_not_there_is_an_error_in_one_line(built, verb, monkeypatch):
    recipe = 'base = "nothing"\nsteps = 1\n[[data]]\npath = "nothing.jsonl"\n[[arms]]\nname = "a"\ndims = [8]\n'
    (built / "recipe.toml").write_text(recipe)
    monkeypatch.setattr("mrl_search.device._cards", list)
    for device, told in (("cuda", "take --device cpu"), ("cuda:3", "take --device cpu"), ("foo", "no device 'foo'")):
        result = call(*verb, "--device", device, code=1)
        assert told in result.stderr
        assert result.stderr.count("\n") == 1


def test_json_has_the_whole_document_and_with_explain_every_stage(built):
    found = json.loads(call("query", "red fox", "--json", "--explain", "--k", "1").stdout)
    assert found["answers"][0] | {"score": 0} == {"rank": 1, "score": 0, "id": "fox", **{
        "title": "Animals", "text": "A red fox ran. It was quick.", "metadata": {"year": 1999}
    }}  # fmt: skip
    assert [stage["stage"] for stage in found["stages"]] == ["16:200", "64:1"]
    assert len(found["stages"][0]["kept"]) == 3


def test_queries_from_a_file_make_a_trec_run(built):
    (built / "q.jsonl").write_text('{"_id": "q1", "text": "red fox"}\n{"_id": "q2", "text": "tax law"}\n')
    lines = [line.split() for line in call("query", "--queries", "q.jsonl", "--k", "1").stdout.splitlines()]
    assert [(f[0], f[1], f[2], f[3], f[5]) for f in lines] == [
        ("q1", "Q0", "fox", "1", "corpus-16:200,64:1"), ("q2", "Q0", "law", "1", "corpus-16:200,64:1"),
    ]  # fmt: skip


def test_queries_from_stdin_are_one_a_line(built):
    assert call("query", "--queries", "-", "--k", "1", stdin="blue whale\n").stdout.split()[2] == "whale"


def test_vectors_in_vectors_out(here):
    np.save("docs.npy", np.eye(3, dtype=np.float32))
    call("build", "corpus.jsonl", "--vectors", "docs.npy", "--dims", "2,3")
    np.save("q.npy", np.array([[0, 0, 2.0]], np.float32))
    assert call("query", "--vectors", "q.npy", "--k", "1").stdout.split()[:4] == ["0", "Q0", "whale", "1"]
    assert "names no encoder" in call("query", "text", code=1).stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "give TEXT, or --queries FILE, or run on a terminal"),
        (("a", "--queries", "f"), "TEXT and --queries exclude one another"),
        (("--queries", "f", "--explain"), "--explain is for one TEXT"),
        (("a\udcff",), "TEXT is not UTF-8"),
        ((" ",), "TEXT is empty"),
        (("a", "--k", "0"), "0 is not in the range"),
        (("a", "--funnel", "768:10,64:200"), "the widths must grow"),
    ],
)
def test_a_wrong_call_is_exit_code_2_with_the_reason(here, words, reason):
    assert reason in call("query", *words, code=2).stderr


def test_the_only_index_or_the_last_built_or_the_named_one_is_asked(built):
    (built / "other.jsonl").write_text('{"_id": "o", "text": "red fox"}\n')
    call("build", "other.jsonl", "--encoder", "hashing:8")
    assert json.loads(call("query", "fox", "--json").stdout)["answers"][0]["id"] == "o"
    for name in ("corpus", "indexes/corpus"):
        assert json.loads(call("query", "fox", "--json", "--index", name).stdout)["answers"][0]["id"] == "fox"


def test_no_index_says_how_to_build_one(here):
    assert "build one: mrl-search build" in call("query", "fox", code=1).stderr


def test_a_terminal_is_asked_until_the_end_of_input(built):
    """A real terminal, for the prompt is only for one."""
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "mrl_search", "query", "--k", "1"]
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, cwd=built, close_fds=True)
    os.close(slave)
    seen = io.BytesIO()

    def until(text, times=1):
        deadline = time.monotonic() + 20
        while seen.getvalue().count(text) < times:
            assert time.monotonic() < deadline, seen.getvalue()
            seen.write(os.read(master, 4096))

    try:
        until(b"query> ")
        os.write(master, b"blue whale\n")
        until(b"query> ", 2)
        os.write(master, b"\x04")
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert b"1 of 3 documents" in seen.getvalue()
    assert b"whale" in seen.getvalue()


def test_several_queries_make_json_lines(built):
    lines = call("query", "--queries", "-", "--k", "1", "--json", stdin="red fox\ntax law\n").stdout.splitlines()
    assert [(found["query"], found["answers"][0]["id"]) for found in map(json.loads, lines)] == [
        ("1", "fox"),
        ("2", "law"),
    ]

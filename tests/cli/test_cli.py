"""The command line as a user meets it: what it prints, where, and with which exit code."""

import io
import json
import os
import pty
import subprocess
import sys
import time

import click
import numpy as np
import pytest
from click.testing import CliRunner

from mrl_search.cli import main

DOCUMENTS = [
    {"_id": "fox", "title": "Animals", "text": "A red fox ran. It was quick.", "year": 1999},
    {"_id": "law", "title": "", "text": "The tax law of the land."},
    {"_id": "whale", "title": "Sea", "text": "A blue whale sings."},
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a corpus in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    return tmp_path


def call(*words, code=0, stdin=None):
    result = CliRunner().invoke(main, words, input=stdin)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def built(here):
    """The corpus, indexed under indexes/corpus."""
    call("build", "corpus.jsonl", "--encoder", "hashing:64", "--dims", "16,64")
    return here


def test_help_lists_every_verb_with_a_line():
    listed = call("--help").stdout
    assert all(f"\n  {verb} " in listed for verb in main.commands)
    for verb, command in main.commands.items():
        assert command.help, verb
        assert all(option.help for option in command.params if isinstance(option, click.Option)), verb


def test_build_says_what_and_where_on_stdout_and_what_next_on_stderr(here):
    result = call("build", "corpus.jsonl", "--encoder", "hashing:64", "--dims", "16,64")
    assert result.stdout.startswith("indexes/corpus: 3 documents, 16 → 64 dims, hashing:64; ")
    assert 'next: mrl-search query "..." --index indexes/corpus' in result.stderr


def test_build_tells_how_many_records_were_skipped_and_are_empty(here):
    (here / "bad.jsonl").write_text('{"_id": "a", "text": ""}\nnonsense\n{"_id": "b", "text": "x"}\n')
    result = call("build", "bad.jsonl", "--encoder", "hashing:8", "--skip-bad", "1", "--json")
    facts = json.loads(result.stdout)
    assert (facts["index"], facts["documents"], facts["skipped"], facts["without_text"]) == ("indexes/bad", 2, 1, 1)
    assert call("build", "bad.jsonl", "--encoder", "hashing:8", "--skip-bad", "1", "--force").stderr.startswith(
        "1 bad record"
    )


def test_an_error_is_one_line_on_stderr_and_exit_code_1(here):
    result = call("build", "nowhere.jsonl", code=1)
    assert result.stdout == ""
    assert result.stderr == "Error: there is no file or folder nowhere.jsonl\n"


def test_building_again_needs_force(built):
    words = ("build", "corpus.jsonl", "--encoder", "hashing:64")
    assert "--force replaces it" in call(*words, code=1).stderr
    call(*words, "--force")


def test_stdin_is_a_corpus(here):
    call("build", "-", "--encoder", "hashing:8", stdin='{"_id": "a", "text": "x"}\n')
    assert "indexes/stdin" in call("info").stdout


def test_query_prints_rank_score_id_title_snippet_and_timing(built):
    lines = call("query", "quick red fox", "--k", "2").stdout.splitlines()
    assert lines[0].split()[0::2][:2] == ["1", "fox"]
    assert lines[0].endswith("Animals")
    assert lines[1].strip() == "A red fox ran."
    assert lines[-1].startswith("2 of 3 documents in ")
    assert lines[-1].endswith("funnel 16:200,64:2")


def test_explain_shows_every_stage(built):
    shown = call("query", "red fox", "--explain", "--funnel", "16:3,64:1").stdout
    assert shown.splitlines()[0].split("  ")[0].strip() == "id"
    assert "16:3 rank score" in shown
    assert "stages: 16:3 " in shown


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


def test_ids_alone_with_vectors_make_an_index(here):
    np.save("docs.npy", np.eye(3, dtype=np.float32))
    (here / "ids.txt").write_text("a\nb\nc\n")
    call("build", "ids:ids.txt", "--vectors", "docs.npy")
    np.save("q.npy", np.array([[0, 1.0, 0]], np.float32))
    assert call("query", "--vectors", "q.npy", "--k", "1").stdout.split()[2] == "b"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "give TEXT, or --queries FILE, or run on a terminal"),
        (("a", "--queries", "f"), "TEXT and --queries exclude one another"),
        (("--queries", "f", "--json"), "print a TREC run"),
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


def test_info_shows_the_manifest_and_bytes_per_document(built):
    shown = call("info").stdout
    for part in ("3 (0 without text, 0 skipped)", "hashing:64", "16, 64", "16:200,64:10", "bytes per document"):
        assert part in shown
    facts = json.loads(call("info", "corpus", "--json").stdout)
    assert facts["bytes_per_document"]["vectors"] > 64 * 4
    assert facts["dims"] == [16, 64]


def test_eval_prints_the_table_and_writes_results_runs_and_the_command(here, shared_data):
    words = (
        "eval",
        "--dataset",
        "cranfield",
        "--data",
        str(shared_data / "beir"),
        "--encoder",
        "hashing:64",
        "--dims",
        "16",
    )
    result = call(*words, "--funnel", "16:100,64:10")
    assert result.stdout.startswith("cranfield (test): 1,400 documents, 225 queries")
    assert [line.split()[1] for line in result.stdout.splitlines()[3:6]] == ["64:100", "16:100", "16:100,64:10"]
    assert (
        f"again: mrl-search eval --dataset cranfield --split test --encoder hashing:64 --dims 16 --funnel 16:100,64:10 --data {shared_data}/beir"
        in result.stderr
    )
    saved = json.loads((here / "eval/results/cranfield-test.json").read_text())
    assert saved["provenance"]["machine"]
    assert len(list((here / "eval/results/runs/cranfield-test").iterdir())) == 3


def test_check_compares_with_the_recipe_and_exits_1_on_a_miss(here, shared_data):
    recipe = 'dataset = "cranfield"\nfunnels = []\ndims = [64]\n[[encoders]]\nname = "hashing:64"\n[[expected]]\n'
    recipe += 'encoder = "hashing:64"\nfunnel = "64:100"\nmeasure = "nDCG@10"\nat_least = {}\n'
    words = ("eval", "--recipe", "r.toml", "--check", "--data", str(shared_data / "beir"))
    (here / "r.toml").write_text(recipe.format("0.01"))
    assert "OK    cranfield hashing:64 64:100 nDCG@10" in call(*words).stdout
    (here / "r.toml").write_text(recipe.format("0.99"))
    assert "FAIL  cranfield" in call(*words, code=1).stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "give either --dataset NAME or --recipe FILE"),
        (("--dataset", "a", "--recipe", "b"), "give either"),
        (("--dataset", "a", "--check"), "give --recipe FILE"),
        (("--dataset", "a", "--funnel", "8:1", "--no-funnel"), "exclude one another"),
        (("--dataset", "a", "--dims", "x"), "wanted for instance 64,768"),
    ],
)
def test_a_wrong_eval_is_exit_code_2(here, words, reason):
    assert reason in call("eval", *words, code=2).stderr


def test_a_dataset_that_is_nowhere_names_every_place(here, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MRL_SEARCH_DATA", str(here / "env"))
    done = subprocess.run(
        [sys.executable, "-m", "mrl_search", "eval", "--dataset", "nosuchset", "--data", str(here / "flag")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    for place in (
        "flag/nosuchset",
        "env/nosuchset",
        "datasets/nosuchset",
        "mteb/nosuchset",
        "--data FOLDER or dir:PATH",
    ):
        assert place in done.stderr
    assert done.stderr.count("\n") == 1


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

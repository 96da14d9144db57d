"""mrl-search build, as a user meets it."""

import json

import numpy as np
from calls import call


def test_build_says_what_and_where_on_stdout_and_what_next_on_stderr(here):
    result = call("build", "corpus.jsonl", "--encoder", "hashing:64", "--dims", "16,64")
    assert result.stdout.startswith("indexes/corpus: 3 documents, 16 → 64 dims, hashing:64, prefix Flat; ")
    assert 'mrl-search query "..." --index indexes/corpus' in result.stderr


def test_build_tells_how_many_records_were_skipped_and_are_empty(here):
    (here / "bad.jsonl").write_text('{"_id": "a", "text": ""}\nnonsense\n{"_id": "b", "text": "x"}\n')
    result = call("build", "bad.jsonl", "--encoder", "hashing:8", "--skip-bad", "1", "--json")
    facts = json.loads(result.stdout)
    assert (facts["index"], facts["documents"], facts["skipped"], facts["without_text"]) == ("indexes/bad", 2, 1, 1)
    assert call("build", "bad.jsonl", "--encoder", "hashing:8", "--skip-bad", "1", "--force").stderr.startswith(
        "bad records skipped: 1"
    )


def test_building_again_needs_force(built):
    words = ("build", "corpus.jsonl", "--encoder", "hashing:64")
    assert "--force replaces it" in call(*words, code=1).stderr
    call(*words, "--force")


def test_stdin_is_a_corpus(here):
    call("build", "-", "--encoder", "hashing:8", stdin='{"_id": "a", "text": "x"}\n')
    assert "indexes/stdin" in call("info").stdout


def test_ids_alone_with_vectors_make_an_index(here):
    np.save("docs.npy", np.eye(3, dtype=np.float32))
    (here / "ids.txt").write_text("a\nb\nc\n")
    call("build", "ids:ids.txt", "--vectors", "docs.npy")
    np.save("q.npy", np.array([[0, 1.0, 0]], np.float32))
    assert call("query", "--vectors", "q.npy", "--k", "1").stdout.split()[2] == "b"

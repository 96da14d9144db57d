"""mrl-search add."""

import json

import numpy as np
from calls import call


def write(path, *documents):
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))


def test_add_says_what_came_in_and_what_it_replaced(built):
    write(built / "more.jsonl", {"_id": "fox", "text": "A grey wolf."}, {"_id": "owl", "text": "An owl."})
    result = call("add", "corpus", "more.jsonl")
    assert result.stdout.startswith(
        "indexes/corpus: 2 added, 1 of them in the place of others; 4 documents in 1 segment; "
    )
    assert "grey wolf" in call("query", "wolf", "--k", "1").stdout


def test_add_takes_vectors_and_tells_json(built):
    np.save(built / "v.npy", np.eye(64, dtype=np.float32)[:2])
    write(built / "more.jsonl", {"_id": "x", "text": ""}, {"_id": "y", "text": ""}, {"bad": 1})
    told = json.loads(call("add", "corpus", "more.jsonl", "--vectors", "v.npy", "--skip-bad", "1", "--json").stdout)
    assert (told["index"], told["added"], told["skipped"], told["documents"]) == ("indexes/corpus", 2, 1, 5)

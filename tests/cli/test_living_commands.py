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


def test_delete_reads_ids_from_a_file_or_stdin_and_names_those_of_no_document(built):
    (built / "gone.txt").write_text("fox\n\nnobody\n")
    result = call("delete", "corpus", "--ids", "gone.txt")
    assert result.stdout.startswith("indexes/corpus: 1 deleted; 2 documents in 1 segment, 1 deleted rows; ")
    assert "ids that no document has: 1 (nobody)" in result.stderr
    assert json.loads(call("delete", "corpus", "--ids", "-", "--json", stdin="law\n").stdout)["documents"] == 1
    assert "1 of 1 documents" in call("query", "law", "--k", "5").stdout


def test_a_file_without_ids_deletes_nothing(built):
    (built / "none.txt").write_text("\n")
    assert "none.txt holds no ids" in call("delete", "corpus", "--ids", "none.txt", code=1).stderr


def test_compact_leaves_no_deleted_row(built):
    call("delete", "corpus", "--ids", "-", stdin="law\n")
    assert "compacted; 2 documents in 1 segment; " in call("compact", "corpus", "--refit", "--prefix", "SQ8").stdout
    assert "SQ8" in call("info", "corpus").stdout


def test_check_says_what_is_wrong_and_mends_what_it_can(built):
    assert call("check", "corpus").stdout == "indexes/corpus: sound\n"
    prefix = built / "indexes/corpus/segments/000001/prefix.faiss"
    prefix.write_bytes(prefix.read_bytes()[:-1])
    result = call("check", code=1)
    assert "[--repair would make it anew from the vectors]" in result.stdout
    assert json.loads(call("check", "--json", code=1).stdout)["is_sound"] is False
    assert "[mended]" in call("check", "--repair").stdout
    assert call("check").stdout == "indexes/corpus: sound\n"


def test_check_says_what_cannot_be_repaired(built):
    vectors = built / "indexes/corpus/segments/000001/vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"x")
    assert "is damaged" in (result := call("check", "--repair", code=1)).stdout
    assert "[--repair cannot mend it]" in result.stdout


def test_query_and_delete_take_a_filter(built):
    found = json.loads(call("query", "animals", "--where", "year < 2000", "--json").stdout)
    assert [answer["id"] for answer in found["answers"]] == ["fox"]
    assert call("delete", "corpus", "--where", "year IS NULL").stdout.startswith(
        "indexes/corpus: 2 deleted; 1 documents"
    )
    assert "wanted a number" in call("query", "animals", "--where", "year <", code=1).stderr
    (built / "q.jsonl").write_text('{"_id": "q", "text": "animals"}\n')
    assert call("query", "--queries", "q.jsonl", "--where", "year = 1").stdout == ""


def test_delete_wants_ids_or_a_filter(built):
    assert "give --ids FILE or --where EXPR" in call("delete", "corpus", code=2).stderr

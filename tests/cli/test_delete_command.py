"""mrl-search delete, and filters as delete and query take them."""

import json

from calls import call


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


def test_a_filter_on_a_field_that_no_document_has_is_an_error_that_names_those_there_are(built):
    told = "no document has a field yaer; did you mean year? There are: year"
    assert told in call("query", "animals", "--where", "yaer > 2000", code=1).stderr
    assert told in call("delete", "corpus", "--where", "yaer IS NULL", code=1).stderr
    assert call("check", "corpus").stdout == "indexes/corpus: sound\n"

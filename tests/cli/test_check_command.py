"""mrl-search check."""

import json
import sqlite3

from calls import call


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
    assert (
        "is damaged in 1 rows: add 'whale' again, all together, then compact"
        in (result := call("check", "--repair", code=1)).stdout
    )
    assert "[--repair cannot mend it]" in result.stdout
    assert result.stderr == "indexes/corpus: 1 finding\n"
    assert "row 2 of indexes/corpus/segments/000001/vectors.npy is damaged" in call("query", "fox", code=1).stderr


def test_check_names_a_damaged_document_which_adding_it_again_mends(built):
    connection = sqlite3.connect(built / "indexes/corpus/index.sqlite")
    with connection:
        connection.execute("UPDATE documents SET text = 'A red cat.' WHERE id = 'fox'")
    connection.close()
    assert "1 documents are damaged ('fox'); add them again" in call("check", code=1).stdout
    assert "the document 'fox' is damaged" in call("query", "fox", code=1).stderr
    (built / "again.jsonl").write_text('{"_id": "fox", "text": "A red fox."}\n')
    call("add", "corpus", "again.jsonl")
    assert call("check").stdout == "indexes/corpus: sound\n"

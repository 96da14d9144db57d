import pytest

from mrl_search.data import Tolerance
from mrl_search.data.documents import to_document, to_documents
from mrl_search.data.record import BadRecordError, Record
from mrl_search.document import Document
from mrl_search.errors import CorpusError


def reason(fields):
    """Why the fields make no document."""
    with pytest.raises(BadRecordError) as caught:
        to_document(fields, "f, line 1")
    return str(caught.value)


def test_content_is_title_and_text_joined_by_one_space():
    assert Document("1", text="b", title="a").content == "a b"


def test_content_has_no_space_for_a_missing_title():
    assert Document("1", text="b").content == "b"


def test_where_a_document_came_from_is_no_part_of_its_identity():
    assert Document("1", "a", where="x, line 1") == Document("1", "a", where="y, line 2")


def test_a_beir_record_becomes_a_document():
    document = to_document({"_id": "7", "title": "T", "text": "x", "year": 1999}, "f, line 3")
    assert document == Document("7", "x", "T", {"year": 1999})
    assert document.where == "f, line 3"


def test_id_serves_where_there_is_no_underscore_id():
    assert to_document({"id": 7, "text": "x"}, "") == Document("7", "x")


def test_id_beside_underscore_id_is_metadata():
    assert to_document({"_id": "a", "id": "b", "text": "x"}, "") == Document("a", "x", metadata={"id": "b"})


def test_a_null_underscore_id_gives_way_to_id():
    assert to_document({"_id": None, "id": "b", "text": "x"}, "") == Document("b", "x")


def test_a_null_title_counts_as_absent():
    assert to_document({"_id": "1", "title": None, "text": "x"}, "") == Document("1", "x")


def test_a_document_may_be_empty():
    assert to_document({"_id": "471", "title": "", "text": ""}, "").content == ""


def test_an_id_may_hold_spaces_and_be_as_long_as_the_limit():
    assert to_document({"_id": "a b" + "c" * 509, "text": "x"}, "").id == "a b" + "c" * 509


def test_a_record_without_an_id_is_bad():
    assert reason({"key": "1", "text": "x"}) == "has no _id or id; it has: key, text"


def test_a_record_with_nothing_in_it_is_bad():
    assert reason({}) == "has no _id or id; it has: nothing"


@pytest.mark.parametrize(("value", "kind"), [(True, "bool"), (1.5, "float"), (["a"], "list")])
def test_an_id_that_is_neither_string_nor_integer_is_bad(value, kind):
    assert reason({"_id": value, "text": "x"}) == f"its _id is of type {kind}, wanted a string or an integer"


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_id_is_bad(value):
    assert reason({"_id": value, "text": "x"}) == "its _id is empty"


def test_an_overlong_id_is_bad():
    assert reason({"_id": "a" * 513, "text": "x"}) == "its _id has 513 characters, wanted at most 512"


@pytest.mark.parametrize("character", ["\n", "\t", "\0", "\x7f", "\x85"])
def test_an_id_with_a_control_character_is_bad(character):
    assert reason({"_id": f"a{character}b", "text": "x"}) == f"its _id {f'a{character}b'!r} holds a control character"


def test_a_record_with_neither_text_nor_title_is_bad():
    assert reason({"_id": "1", "body": "x"}) == "has neither text nor title; it has: _id, body"


@pytest.mark.parametrize("name", ["text", "title"])
def test_a_text_or_title_that_is_no_string_is_bad(name):
    assert reason({"_id": "1", "text": "x", name: 3}) == f"its {name} is of type int, wanted a string"


@pytest.mark.parametrize("name", ["_id", "text", "title"])
def test_half_a_surrogate_pair_is_bad(name):
    assert "holds half a surrogate pair" in reason({"_id": "1", "text": "x", name: "a\ud800"})


def test_a_reason_lists_only_so_many_names():
    message = reason({f"column{number}": "" for number in range(1000)})
    assert len(message) < 300
    assert message.endswith("…")


def test_without_tolerance_the_first_bad_record_ends_it_with_the_way_out():
    with pytest.raises(CorpusError) as caught:
        Tolerance().bad("corpus.jsonl, line 17", "is empty")
    assert str(caught.value) == "corpus.jsonl, line 17: is empty; mend it, or skip bad records with --skip-bad N"


def test_tolerance_notes_what_it_skips_and_ends_at_one_more():
    tolerance = Tolerance(2)
    tolerance.bad("f, line 1", "a")
    tolerance.bad("f, line 2", "b")
    assert tolerance.skipped == ["f, line 1: a", "f, line 2: b"]
    with pytest.raises(
        CorpusError, match=r"^f, line 3: c; 2 bad records were skipped before it, as --skip-bad allows$"
    ):
        tolerance.bad("f, line 3", "c")


def test_bad_records_are_skipped_and_the_others_keep_their_order():
    tolerance = Tolerance(1)
    records = [Record("1", {"_id": "a", "text": "x"}), Record("2", {}), Record("3", {"_id": "b", "text": "y"})]
    assert [document.id for document in to_documents(records, tolerance)] == ["a", "b"]
    assert tolerance.skipped == ["2: has no _id or id; it has: nothing"]


def test_repeated_ids_are_left_to_the_index():
    records = [Record("1", {"_id": "a", "text": "x"}), Record("2", {"_id": "a", "text": "y"})]
    assert [document.text for document in to_documents(records, Tolerance())] == ["x", "y"]

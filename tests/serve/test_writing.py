"""Changes that wait go into few commits, in their order."""

import tempfile

import mrl_search
from mrl_search.data.documents import Tolerance
from mrl_search.document import Document
from mrl_search.errors import CorpusError, FilterError, IndexStoreError
from mrl_search.serve.store import Folders
from mrl_search.serve.writing import Removal, Upsert, Writer

HASHING = mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))


def upsert(*documents):
    return Upsert(tuple(documents), HASHING)


def texts(index):
    with mrl_search.open(index) as retriever:
        return {one.id: one.text for one in retriever.search(["a"], funnel=f"64:{len(retriever)}")[0]}


def test_upserts_that_wait_are_one_commit_in_which_the_last_one_counts(built):
    changes = [upsert(Document("x", "first")), upsert(Document("y", "other"), Document("x", "last"))]
    results = Writer(built)(changes)
    assert [(one.added, one.documents) for one in results] == [(2, 32), (2, 32)]
    assert (texts(built)["x"], texts(built)["y"]) == ("last", "other")


def test_changes_are_done_in_the_order_they_came(built):
    changes = [upsert(Document("x", "a")), Removal(("x", "d1"), None), upsert(Document("d1", "again"))]
    results = Writer(built)(changes)
    assert [one.documents for one in results] == [31, 29, 30]
    assert texts(built)["d1"] == "again" and "x" not in texts(built)


class Failing(Folders):
    """error: of whatever holds a document called bad."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def add(self, folder, corpus, encoder):
        if any(one.id == "bad" for one in corpus.read(Tolerance())):
            raise self.error
        return super().add(folder, corpus, encoder)


def test_one_that_cannot_be_written_is_refused_alone(built):
    changes = [upsert(Document(name, "a text")) for name in ("x", "bad", "y")]
    results = Writer(built, Failing(CorpusError("not this")))(changes)
    assert isinstance(results[1], CorpusError)
    assert {"x", "y"} <= set(texts(built))


def test_where_there_is_no_room_for_what_came_that_is_an_error_of_the_index(built):
    store = Failing(OSError("no room"))
    results = Writer(built, store)([upsert(Document("bad", "a")), Removal(("d2",), None)])
    assert isinstance(results[0], IndexStoreError)
    assert results[1].documents == 29


def test_what_came_is_put_down_nowhere_but_in_the_index(built, tmp_path, monkeypatch):
    """A killed process left it, as it was, in a temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    (result,) = Writer(built)([upsert(Document("x", "a"))])
    assert result.added == 1


def test_a_filter_that_cannot_be_read_is_its_own_fault(built):
    results = Writer(built)([Removal((), "year >"), Removal(("d2",), None)])
    assert isinstance(results[0], FilterError)
    assert results[1].documents == 29


def test_metadata_with_any_names_comes_through(built):
    Writer(built)([upsert(Document("x", "a", "b", {"title": "t", "text": 3, "deep": {"er": [None]}}))])
    with mrl_search.open(built) as retriever:
        (answer,) = [one for one in retriever.search(["a"], funnel="64:31")[0] if one.id == "x"]
    assert (answer.title, answer.text, answer.metadata) == ("b", "a", {"title": "t", "text": 3, "deep": {"er": [None]}})

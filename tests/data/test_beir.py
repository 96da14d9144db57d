import json

import pytest

from mrl_search.data import Corpus, Tolerance
from mrl_search.data.beir import read_folder, write_folder
from mrl_search.document import Document
from mrl_search.errors import CorpusError, DatasetError


@pytest.fixture
def folder(tmp_path):
    """Two documents and three queries, two of them judged."""
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": "d1", "title": "T", "text": "x"}, {"_id": "d2", "title": "", "text": "y"}]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    queries = [{"_id": key, "text": f"about {key}"} for key in ("q1", "q2", "q3")]
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq3\td2\t1\nq1\td1\t2\nq1\tgone\t1\n")
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td2\t1\n")
    return folder


def corpus_of(*documents):
    return Corpus("tiny", "here", lambda tolerance: iter(documents))


def test_a_folder_is_a_dataset_named_after_it(folder):
    dataset = read_folder(folder, "test")
    assert (dataset.name, dataset.split, dataset.corpus.name) == ("tiny", "test", "tiny")
    assert [document.id for document in dataset.corpus.read(Tolerance())] == ["d1", "d2"]
    assert dataset.qrels == {"q3": {"d2": 1}, "q1": {"d1": 2, "gone": 1}}


def test_only_judged_queries_remain_in_the_order_of_their_file(folder):
    assert list(read_folder(folder, "test").queries.items()) == [("q1", "about q1"), ("q3", "about q3")]


def test_the_split_decides_which_queries_remain(folder):
    assert dict(read_folder(folder, "dev").queries) == {"q2": "about q2"}


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match=r"there is no folder .*none"):
        read_folder(tmp_path / "none", "test")


def test_a_folder_name_no_file_can_have_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read: File name too long"):
        read_folder(tmp_path / ("a" * 5000), "test")


@pytest.mark.parametrize(
    ("gone", "named"),
    [("corpus.jsonl", "corpus.jsonl"), ("queries.jsonl", "queries.jsonl"), ("qrels/*.tsv", "qrels/SPLIT.tsv")],
)
def test_a_folder_that_lacks_a_part_is_an_error_that_names_it(folder, gone, named):
    for path in folder.glob(gone):
        path.unlink()
    with pytest.raises(DatasetError, match=f"tiny is not a BEIR test collection: it lacks {named}$"):
        read_folder(folder, "test")


@pytest.mark.parametrize("split", ["train", "../qrels/test", ""])
def test_a_split_that_is_not_there_is_an_error_that_lists_those_that_are(folder, split):
    with pytest.raises(DatasetError, match=f"tiny has no split '{split}'; it has: dev, test$"):
        read_folder(folder, split)


def test_a_judged_query_without_a_text_is_an_error(folder):
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq8\td1\t1\nq9\td1\t1\n")
    with pytest.raises(DatasetError, match=r"the query 'q8' \(and 1 more\) is judged, but has no text"):
        read_folder(folder, "test")


def test_a_split_that_judges_nothing_is_an_error(folder):
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(DatasetError, match="tiny: the split judges no documents"):
        read_folder(folder, "test")


def test_what_is_written_is_read_again(tmp_path):
    document = Document("d1", "x\n\u2028é", "T", {"year": 1999})
    qrels = {"test": {"q1": {"d1": 2}}, "dev": {"q1": {"d1": 1}}}
    write_folder(tmp_path / "sets" / "tiny", corpus_of(document), {"q1": "what?"}, qrels)
    dataset = read_folder(tmp_path / "sets" / "tiny", "test")
    assert list(dataset.corpus.read(Tolerance())) == [document]
    assert (dataset.queries, dataset.qrels) == ({"q1": "what?"}, {"q1": {"d1": 2}})
    assert read_folder(tmp_path / "sets" / "tiny", "dev").qrels == {"q1": {"d1": 1}}


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    def broken(tolerance):
        yield Document("d1", "x")
        raise CorpusError("the connection broke")

    with pytest.raises(CorpusError):
        write_folder(tmp_path / "sets" / "tiny", Corpus("tiny", "here", broken), {}, {})
    assert list((tmp_path / "sets").iterdir()) == []


def test_a_folder_that_is_there_first_is_kept(folder):
    before = (folder / "corpus.jsonl").read_text()
    write_folder(folder, corpus_of(Document("other", "x")), {}, {})
    assert (folder / "corpus.jsonl").read_text() == before
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]

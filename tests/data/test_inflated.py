from dataclasses import replace

import pytest

from mrl_search.data import Corpus, Dataset, Tolerance, inflated
from mrl_search.document import Document
from mrl_search.errors import CorpusError, DatasetError

OWN = [Document("1", "red fox"), Document("2", "blue whale")]
TINY = Dataset("tiny", "test", Corpus("tiny", "mem", lambda _: iter(OWN)), {"q": "fox"}, {"q": {"1": 1}})


@pytest.fixture
def haystack(tmp_path):
    path = tmp_path / "hay.txt"
    path.write_text("hay\nred fox\nstraw\nhay\n")
    return str(path)


def read(dataset):
    return [(document.id, document.text) for document in dataset.corpus.read(Tolerance(0))]


def test_distractors_come_after_the_collections_own_and_a_copy_of_one_of_these_is_left_out(haystack):
    larger = inflated(TINY, haystack)
    added = [("distractor:1", "hay"), ("distractor:3", "straw"), ("distractor:4", "hay")]
    assert read(larger) == [("1", "red fox"), ("2", "blue whale"), *added]
    assert read(larger) == read(larger)
    assert (larger.name, larger.queries, larger.qrels) == (TINY.name, TINY.queries, TINY.qrels)


def test_a_part_of_one_of_the_collections_own_is_left_out(tmp_path):
    whole = Document("3", "A red fox ran over the hill, and a blue whale swam below. Nobody saw it.", "Animals")
    dataset = replace(TINY, corpus=Corpus("tiny", "mem", lambda _: iter([whole])))
    part, other, short = "and a blue WHALE swam below.", "and a blue whale swam above.", "over the hill,"
    (tmp_path / "hay.txt").write_text(f"{part}\n{other}\n{short}\n")
    assert [text for _, text in read(inflated(dataset, str(tmp_path / "hay.txt")))[1:]] == [other, short]


def test_the_first_n_are_added(haystack):
    assert [identifier for identifier, _ in read(inflated(TINY, f"{haystack}:2"))] == [
        "1",
        "2",
        "distractor:1",
        "distractor:3",
    ]


def test_n_alone_is_of_the_standard_librarys_docstrings():
    added = read(inflated(TINY, "3"))[2:]
    assert len(added) == 3
    assert all(identifier.startswith("distractor:") for identifier, _ in added)


def test_too_few_none_or_no_file_is_one_clear_line(haystack, tmp_path):
    with pytest.raises(CorpusError, match="has 3 documents to add, asked for 4; name a larger one"):
        read(inflated(TINY, f"{haystack}:4"))
    with pytest.raises(DatasetError, match="ask for at least 1"):
        inflated(TINY, f"{haystack}:0")
    with pytest.raises(CorpusError, match="none"):
        inflated(TINY, str(tmp_path / "none.txt"))

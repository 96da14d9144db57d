import io
import sys

import pytest

from mrl_search.data import read_queries
from mrl_search.errors import CorpusError


@pytest.fixture
def queries_of(tmp_path):
    def read(name: str, content: str) -> dict[str, str]:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return read_queries(str(tmp_path / name))

    return read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.jsonl", '{"_id": "b", "text": "x y", "metadata": {}}\n{"_id": "a", "text": "z"}\n'),
        ("q.tsv", "_id\ttext\nb\tx y\na\tz\n"),
        ("q.csv", "id,text\nb,x y\na,z\n"),
    ],
)
def test_queries_keep_the_order_of_their_file(queries_of, name, content):
    assert list(queries_of(name, content).items()) == [("b", "x y"), ("a", "z")]


def test_the_lines_of_a_text_file_are_queries_named_by_their_numbers(queries_of):
    assert queries_of("q.txt", "x y\n\nz\n") == {"1": "x y", "3": "z"}


def test_the_lines_of_stdin_are_queries(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x y\nz\n")))
    assert read_queries("-") == {"1": "x y", "2": "z"}


def test_a_repeated_query_id_is_an_error(queries_of):
    with pytest.raises(CorpusError, match=r"q\.jsonl, line 2: the query id 'a' stands there a second time"):
        queries_of("q.jsonl", '{"_id": "a", "text": "x"}\n{"_id": "a", "text": "x"}\n')


@pytest.mark.parametrize("line", ['{"_id": "a", "text": " "}', '{"_id": "a", "title": "only"}'])
def test_an_empty_query_is_an_error(queries_of, line):
    with pytest.raises(CorpusError, match=r"q\.jsonl, line 1: the query 'a' is empty"):
        queries_of("q.jsonl", line)


def test_a_bad_line_is_an_error_without_an_offer_to_skip_it(queries_of):
    with pytest.raises(CorpusError, match=r"q\.jsonl, line 1: is not JSON: Expecting value at column 1$"):
        queries_of("q.jsonl", "broken\n")


def test_a_file_without_queries_is_an_error(queries_of):
    with pytest.raises(CorpusError, match=r"q\.txt holds no queries"):
        queries_of("q.txt", "\n")


def test_stdin_without_queries_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(CorpusError, match="stdin holds no queries"):
        read_queries("-")


def test_queries_of_an_unknown_kind_are_an_error(queries_of):
    with pytest.raises(CorpusError, match=r"q\.xml is of a kind that is not read"):
        queries_of("q.xml", "<q/>")


def test_a_missing_queries_file_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match=r"q\.txt cannot be read: No such file"):
        read_queries(str(tmp_path / "q.txt"))

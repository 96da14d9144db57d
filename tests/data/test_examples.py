import json

import pytest

from mrl_search.data import Example, read_examples
from mrl_search.errors import CorpusError


def read(tmp_path, record):
    (tmp_path / "e.jsonl").write_text(json.dumps(record) + "\n")
    return list(read_examples(str(tmp_path / "e.jsonl")))


@pytest.mark.parametrize(
    ("record", "example"),
    [
        ({"query": "q", "positive": "p", "id": 7}, Example("q", "p")),
        ({"anchor": "q", "positive": "p", "negative": "n"}, Example("q", "p", "n")),
        ({"question": "q", "answer": "a"}, Example("q", "a")),
        ({"sentence1": "a", "sentence2": "b", "score": "2.5"}, Example("a", "b", score=2.5)),
        ({"sentence1": "a", "sentence2": "b", "label": 2}, Example("a", "b", label=2)),
    ],
)
def test_a_record_becomes_an_example(tmp_path, record, example):
    assert read(tmp_path, record) == [example]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"positive": "p"}, "has no first text, wanted one of query"),
        ({"query": "q"}, "has no second text, wanted one of positive"),
        ({"query": " ", "positive": "p"}, "its query is ' ', wanted a text"),
        ({"query": 3, "positive": "p"}, "its query is 3, wanted a text"),
        ({"query": "q", "positive": "p", "negative": ""}, "its negative is '', wanted a text"),
        ({"query": "q", "positive": "\ud800"}, "half a surrogate pair"),
        ({"query": "q", "positive": "p", "score": "high"}, "its score is 'high', wanted a number"),
        ({"query": "q", "positive": "p", "score": "nan"}, "its score is 'nan', wanted a number"),
        ({"query": "q", "positive": "p", "score": True}, "its score is True, wanted a number"),
        ({"query": "q", "positive": "p", "label": 1.5}, "its label is 1.5, wanted a whole number"),
        ({"query": "q", "positive": "p", "label": -1}, "wanted a whole number from 0"),
    ],
)
def test_a_record_that_is_no_example_is_named_by_its_line(tmp_path, record, reason):
    with pytest.raises(CorpusError, match=f"e.jsonl, line 1: .*{reason}"):
        read(tmp_path, record)


def test_parquet_gives_the_same(tmp_path):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"query": ["q"], "positive": ["p"], "score": [1.0]}), tmp_path / "e.parquet")
    assert list(read_examples(str(tmp_path / "e.parquet"))) == [Example("q", "p", score=1.0)]

import pytest

from mrl_search.data import open_corpus
from mrl_search.errors import CorpusError
from mrl_search.ingest import Reading, ingest


def read(tmp_path, lines, reading, put=None):
    (tmp_path / "c.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return ingest(open_corpus(str(tmp_path / "c.jsonl")), put or (lambda document: ""), reading)


def test_what_is_not_taken_is_a_bad_record_with_its_reason(tmp_path):
    lines = ['{"_id": "a", "text": "x"}', '{"_id": "b", "text": ""}', '{"_id": "c", "text": "y"}']
    assert read(tmp_path, lines, Reading("built")) == (0, 1)
    taken = {"c": "no c, please"}
    assert read(tmp_path, lines, Reading("built", skip_bad=1), lambda one: taken.get(one.id, "")) == (1, 1)
    with pytest.raises(CorpusError, match="line 3: no c, please"):
        read(tmp_path, lines, Reading("built"), lambda one: taken.get(one.id, ""))


def test_nothing_and_nothing_to_encode_are_said(tmp_path):
    with pytest.raises(CorpusError, match="holds no documents; nothing was added"):
        read(tmp_path, [], Reading("added"))
    empty = ['{"_id": "a", "text": ""}']
    with pytest.raises(CorpusError, match="has a text to encode; give their vectors with --vectors FILE"):
        read(tmp_path, empty, Reading("added"))
    assert read(tmp_path, empty, Reading("added", needs_text=False)) == (0, 1)

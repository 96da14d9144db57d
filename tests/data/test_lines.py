import gzip
import io
import json
import sys

import pytest

from mrl_search.data import Tolerance, files
from mrl_search.data.lines import json_records, text_records
from mrl_search.errors import CorpusError


@pytest.fixture
def reasons(tmp_path):
    """What is said of the bad lines of a JSONL file; every good line must be {"a": 1}."""

    def read(content: bytes) -> list[str]:
        path = tmp_path / "f.jsonl"
        path.write_bytes(content)
        tolerance = Tolerance(10**6)
        assert all(record.fields == {"a": 1} for record in json_records(str(path), tolerance))
        return [line.removeprefix(f"{path}, ") for line in tolerance.skipped]

    return read


def test_each_line_is_a_record_and_knows_where_it_was(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text('{"a": 1}\n\n  \n{"b": "é"}', encoding="utf-8")
    records = list(json_records(str(path), Tolerance()))
    assert records == [(f"{path}, line 1", {"a": 1}), (f"{path}, line 4", {"b": "é"})]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_a_record(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}\r\n')
    assert [record.fields for record in json_records(str(path), Tolerance())] == [{"a": 1}, {"a": 2}]


def test_gzipped_jsonl_is_read(tmp_path):
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    assert list(json_records(str(path), Tolerance())) == [(f"{path}, line 1", {"a": 1})]


def test_a_dash_is_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}\n')))
    assert list(json_records("-", Tolerance())) == [("stdin, line 1", {"a": 1})]


def test_a_line_of_ten_megabytes_is_read(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps({"text": "x" * 10_000_000}))
    (record,) = json_records(str(path), Tolerance())
    assert len(record.fields["text"]) == 10_000_000


def test_without_tolerance_the_first_bad_line_ends_the_reading(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(CorpusError, match=r"f\.jsonl, line 2: is not JSON: .*; mend it, or skip bad records"):
        list(json_records(str(path), Tolerance()))


def test_a_line_that_is_not_json_is_bad(reasons):
    assert reasons(b'{"a": 1}\n{"a": 1\n{"a": 1}') == ["line 2: is not JSON: Expecting ',' delimiter at column 8"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [(b"[1]", "an array"), (b'"a"', "a string"), (b"1", "a number"), (b"1.5", "a number"), (b"null", "null")],
)
def test_json_that_is_no_object_is_bad(reasons, line, kind):
    assert reasons(line) == [f"line 1: is {kind}, wanted a JSON object"]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_bad(reasons, constant):
    assert reasons(b'{"a": %s}' % constant.encode()) == [f"line 1: holds {constant}, which is not JSON"]


def test_json_nested_too_deeply_is_bad(reasons):
    assert reasons(b"[" * 100_000) == ["line 1: is JSON nested too deeply"]


def test_an_integer_too_long_to_convert_is_bad(reasons):
    assert reasons(b'{"a": %s}' % (b"9" * 5000)) == ["line 1: holds an integer of more than 4,300 digits"]


def test_a_line_that_is_not_utf8_is_bad(reasons):
    assert reasons(b'{"a": "\xff"}\n{"a": 1}') == ["line 1: is not UTF-8: byte 0xff at offset 7"]


def test_a_line_over_the_limit_is_bad(reasons, monkeypatch):
    monkeypatch.setattr(files, "LINE_LIMIT", 100)
    assert reasons(b'{"a": "%s"}\n{"a": 1}' % (b"x" * 200)) == ["line 1: is longer than 100 bytes"]


def test_a_binary_file_is_nothing_but_bad_lines(reasons):
    found = reasons(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\n")
    assert [line.split(":")[0] for line in found] == ["line 1", "line 2", "line 3"]


def test_a_truncated_gzip_file_is_never_forgiven(tmp_path):
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-12])
    with pytest.raises(CorpusError, match=r"f\.jsonl\.gz is not a whole gzip file"):
        list(json_records(str(path), Tolerance(10**6)))


def test_the_id_of_a_line_of_text_is_its_number_blank_lines_counted(tmp_path):
    path = tmp_path / "f.txt"
    path.write_bytes(b"first\r\n\n third \n")
    tolerance = Tolerance()
    records = list(text_records(str(path), tolerance))
    assert records == [
        (f"{path}, line 1", {"_id": 1, "text": "first"}),
        (f"{path}, line 3", {"_id": 3, "text": "third"}),
    ]
    assert tolerance.skipped == []


def test_a_line_of_text_that_is_not_utf8_is_bad(tmp_path):
    path = tmp_path / "f.txt"
    path.write_bytes(b"caf\xe9\nok\n")
    tolerance = Tolerance(1)
    assert [record.fields["text"] for record in text_records(str(path), tolerance)] == ["ok"]
    assert tolerance.skipped == [f"{path}, line 1: is not UTF-8: byte 0xe9 at offset 3"]

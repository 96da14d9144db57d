import csv
import datetime
import decimal
import gzip

import pytest

from mrl_search.data import Tolerance, files, tables
from mrl_search.data.tables import csv_records, parquet_records, tsv_records
from mrl_search.errors import CorpusError


@pytest.fixture(autouse=True)
def _own_field_limit():
    """The limit is the whole process's; other tests shall find it as it was."""
    limit = csv.field_size_limit()
    yield
    csv.field_size_limit(limit)


@pytest.fixture
def written(tmp_path):
    def write(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return write


@pytest.fixture
def parquet_of(tmp_path):
    def write(columns: dict[str, list[object]]) -> str:
        import pyarrow
        from pyarrow import parquet

        path = str(tmp_path / "f.parquet")
        parquet.write_table(pyarrow.table(columns), path)
        return path

    return write


def fields(records):
    return [record.fields for record in records]


def test_csv_quotes_may_hold_commas_line_ends_and_quotes(written):
    path = written("f.csv", b'_id,text\r\n1,"a, ""b""\nc"\r\n\r\n2,d\r\n')
    assert list(csv_records(path, Tolerance())) == [
        (f"{path}, line 3", {"_id": "1", "text": 'a, "b"\nc'}),
        (f"{path}, line 5", {"_id": "2", "text": "d"}),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_column(written):
    assert fields(csv_records(written("f.csv", b"\xef\xbb\xbf_id,text\n1,a\n"), Tolerance())) == [
        {"_id": "1", "text": "a"}
    ]


@pytest.mark.parametrize(("read", "separator"), [(csv_records, b","), (tsv_records, b"\t")])
def test_gzipped_tables_are_read(written, read, separator):
    path = written("f.gz", gzip.compress(b"_id,text\n1,a\n".replace(b",", separator)))
    assert fields(read(path, Tolerance())) == [{"_id": "1", "text": "a"}]


def test_a_csv_field_may_be_larger_than_pythons_own_limit(written):
    csv.field_size_limit(131_072)
    (record,) = csv_records(written("f.csv", b"_id,text\n1,%s\n" % (b"x" * 1_000_000)), Tolerance())
    assert len(record.fields["text"]) == 1_000_000


def test_a_csv_row_that_does_not_fit_the_header_is_bad(written):
    path = written("f.csv", b"_id,text\n1\n2,b\n3,c,d\n")
    tolerance = Tolerance(2)
    assert fields(csv_records(path, tolerance)) == [{"_id": "2", "text": "b"}]
    assert tolerance.skipped == [
        f"{path}, line 2: has 1 fields, the header 2",
        f"{path}, line 4: has 3 fields, the header 2",
    ]


def test_a_csv_quote_that_is_never_closed_is_bad(written):
    path = written("f.csv", b'_id,text\n1,a\n2,"b\n3,c\n')
    tolerance = Tolerance(1)
    assert fields(csv_records(path, tolerance)) == [{"_id": "1", "text": "a"}]
    assert tolerance.skipped == [f"{path}, line 4: is not CSV: unexpected end of data"]


def test_a_csv_quote_inside_a_field_is_bad_and_the_next_row_read(written):
    path = written("f.csv", b'_id,text\n1,"a"b\n2,c\n')
    tolerance = Tolerance(1)
    assert fields(csv_records(path, tolerance)) == [{"_id": "2", "text": "c"}]
    assert tolerance.skipped == [f"""{path}, line 2: is not CSV: ',' expected after '"'"""]


def test_a_csv_row_that_is_not_utf8_is_bad(written):
    path = written("f.csv", b"_id,text\n1,caf\xe9\n2,b\n")
    tolerance = Tolerance(1)
    assert fields(csv_records(path, tolerance)) == [{"_id": "2", "text": "b"}]
    assert tolerance.skipped == [f"{path}, line 2: is not UTF-8 in the column 'text'"]


def test_a_csv_line_over_the_limit_is_never_forgiven(written, monkeypatch):
    monkeypatch.setattr(files, "LINE_LIMIT", 20)
    monkeypatch.setattr(tables, "LINE_LIMIT", 20)
    path = written("f.csv", b"_id,text\n1,%s\n2,b\n" % (b"x" * 50))
    with pytest.raises(CorpusError, match=r"f\.csv, line 2: is longer than 20 bytes"):
        list(csv_records(path, Tolerance(100)))


def test_a_csv_field_over_the_limit_is_bad(written, monkeypatch):
    monkeypatch.setattr(tables, "LINE_LIMIT", 20)
    path = written("f.csv", b'_id,text\n1,"%s"\n2,b\n' % (b"x" * 50))
    tolerance = Tolerance(1)
    assert fields(csv_records(path, tolerance)) == [{"_id": "2", "text": "b"}]
    assert tolerance.skipped == [f"{path}, line 2: is not CSV: field larger than field limit (20)"]


def test_a_csv_header_that_is_not_csv_is_an_error(written):
    with pytest.raises(CorpusError, match=r"f\.csv: the header is not CSV"):
        list(csv_records(written("f.csv", b'"_id"x,text\n1,a\n'), Tolerance(9)))


def test_a_quote_in_tsv_is_a_character_like_any_other(written):
    path = written("f.tsv", b'_id\ttitle\ttext\r\n1\t"a\tb"c\r\n\r\n2\t\td\r\n')
    assert list(tsv_records(path, Tolerance())) == [
        (f"{path}, line 2", {"_id": "1", "title": '"a', "text": 'b"c'}),
        (f"{path}, line 4", {"_id": "2", "title": "", "text": "d"}),
    ]


def test_a_tsv_row_that_does_not_fit_the_header_is_bad(written):
    path = written("f.tsv", b"_id\ttext\n1\ta\tb\n2\tc\n")
    tolerance = Tolerance(1)
    assert fields(tsv_records(path, tolerance)) == [{"_id": "2", "text": "c"}]
    assert tolerance.skipped == [f"{path}, line 2: has 3 fields, the header 2"]


def test_a_tsv_row_that_is_not_utf8_is_bad(written):
    path = written("f.tsv", b"_id\ttext\n1\tcaf\xe9\n")
    tolerance = Tolerance(1)
    assert fields(tsv_records(path, tolerance)) == []
    assert tolerance.skipped == [f"{path}, line 2: is not UTF-8: byte 0xe9 at offset 5"]


def test_a_tsv_header_that_is_not_utf8_is_an_error(written):
    with pytest.raises(CorpusError, match=r"f\.tsv: the header is not UTF-8: byte 0xe9 at offset 4"):
        list(tsv_records(written("f.tsv", b"_id\t\xe9\n"), Tolerance(9)))


@pytest.mark.parametrize("read", [csv_records, tsv_records])
@pytest.mark.parametrize("content", [b"", b"\n1\n"])
def test_a_table_without_a_header_is_an_error(written, read, content):
    with pytest.raises(CorpusError, match="f does not begin with a header; wanted the columns _id, title, text"):
        list(read(written("f", content), Tolerance(9)))


@pytest.mark.parametrize(("read", "header"), [(csv_records, b"_id,text,_id\n"), (tsv_records, b"_id\ttext\t_id\n")])
def test_a_repeated_column_is_an_error(written, read, header):
    with pytest.raises(CorpusError, match="the column '_id' stands 2 times in the header"):
        list(read(written("f", header), Tolerance(9)))


@pytest.mark.parametrize(("read", "header"), [(csv_records, b"_id,,text\n"), (tsv_records, b"_id\t\ttext\n")])
def test_a_column_without_a_name_is_an_error(written, read, header):
    with pytest.raises(CorpusError, match="column 2 has no name; it has: _id, , text"):
        list(read(written("f", header), Tolerance(9)))


def test_parquet_rows_are_numbered_across_batches(parquet_of):
    path = parquet_of({"_id": list(range(600)), "text": ["x"] * 600})
    records = list(parquet_records(path, Tolerance()))
    assert len(records) == 600
    assert records[599] == (f"{path}, row 600", {"_id": 599, "text": "x"})


def test_parquet_keeps_its_types_for_metadata_to_judge(parquet_of):
    when = datetime.datetime(2024, 2, 29, 12, 0)
    path = parquet_of({"_id": ["1"], "when": [when], "price": [decimal.Decimal("1.50")], "tags": [["a"]]})
    assert fields(parquet_records(path, Tolerance())) == [
        {"_id": "1", "when": when, "price": decimal.Decimal("1.50"), "tags": ["a"]}
    ]


def test_a_damaged_parquet_file_is_never_forgiven(written):
    with pytest.raises(CorpusError, match=r"f\.parquet is not a whole Parquet file: "):
        list(parquet_records(written("f.parquet", b"PAR1 and then nothing"), Tolerance(9)))


def test_a_truncated_parquet_file_is_never_forgiven(parquet_of, written):
    from pathlib import Path

    whole = Path(parquet_of({"_id": ["1"], "text": ["x"]})).read_bytes()
    with pytest.raises(CorpusError, match="is not a whole Parquet file: "):
        list(parquet_records(written("g.parquet", whole[:-20]), Tolerance(9)))


def test_a_repeated_parquet_column_is_an_error(tmp_path):
    import pyarrow
    from pyarrow import parquet

    path = str(tmp_path / "f.parquet")
    parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array(["1"])] * 2, names=["_id", "_id"]), path)
    with pytest.raises(CorpusError, match="the column '_id' stands 2 times in the header"):
        list(parquet_records(path, Tolerance(9)))

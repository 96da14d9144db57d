"""Files of rows and columns: CSV, TSV and Parquet. Columns are named as JSONL's fields are."""

import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from mrl_search.data.documents import Tolerance
from mrl_search.data.files import LINE_LIMIT, byte_lines, decoded, open_bytes
from mrl_search.data.record import BadRecordError, Record, field_names
from mrl_search.document import has_surrogate
from mrl_search.errors import CorpusError

_BATCH = 256  # rows; documents are long, and a batch is held in memory twice


def csv_records(source: str, tolerance: Tolerance) -> Iterator[Record]:
    """The rows of a CSV file (.gz) with a header and standard quoting, numbered by the line they end on.

    Rows that do not fit the header go to `tolerance`. Raises CorpusError, also
    for a line over 16 MiB: as it may lie inside a quoted field, what follows
    it cannot be told apart.
    """
    # The limit is the whole process's, and 128 KiB unless set: too little for a book. It is set here, where
    # it is needed, and not at import; no other code in this package reads CSV.
    csv.field_size_limit(LINE_LIMIT)
    with open_bytes(source) as file:
        # strict, or a quote that is never closed would quietly swallow the rest of the file
        rows = csv.reader(_csv_lines(source, file), strict=True)
        try:
            columns = _header(next(rows, []), source)
        except csv.Error as error:
            raise CorpusError(f"{source}: the header is not CSV: {error}") from error
        while True:
            try:
                row = next(rows)
                if row:
                    yield Record(f"{source}, line {rows.line_num}", _fields(row, columns))
            except StopIteration:
                return
            except csv.Error as error:
                tolerance.bad(f"{source}, line {rows.line_num}", f"is not CSV: {error}")
            except BadRecordError as error:
                tolerance.bad(f"{source}, line {rows.line_num}", str(error))


def tsv_records(source: str, tolerance: Tolerance) -> Iterator[Record]:
    """The rows of a TSV file (.gz) with a header and no quoting at all: a quote is a character like any other.

    Rows that do not fit the header go to `tolerance`. Raises CorpusError.
    """
    with open_bytes(source) as file:
        lines = byte_lines(file)
        try:
            columns = _header(decoded(next(lines, b"")).split("\t"), source)
        except BadRecordError as error:
            raise CorpusError(f"{source}: the header {error}") from error
        for number, line in enumerate(lines, 2):
            where = f"{source}, line {number}"
            try:
                text = decoded(line)
                if text.strip():
                    yield Record(where, _fields(text.split("\t"), columns))
            except BadRecordError as error:
                tolerance.bad(where, str(error))


def parquet_records(source: str, tolerance: Tolerance) -> Iterator[Record]:
    """The rows of a Parquet file, in batches. Raises CorpusError when it is damaged, which no `tolerance` forgives."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source, pre_buffer=False) as file:
            _header(file.schema_arrow.names, source)
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH):
                for fields in batch.to_pylist():
                    number += 1
                    yield Record(f"{source}, row {number}", fields)
    except CorpusError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise CorpusError(f"{source} is not a whole Parquet file: {' '.join(str(error).split())}") from error


def _csv_lines(source: str, file: BinaryIO) -> Iterator[str]:
    """Lines for csv.reader, ends included; bytes that are not UTF-8 become surrogates, found later in their row."""
    for number, line in enumerate(byte_lines(file), 1):
        if line is None:
            raise CorpusError(f"{source}, line {number}: is longer than {LINE_LIMIT:,} bytes")
        yield line.decode("utf-8", "surrogateescape")


def _header(columns: Sequence[str], source: str) -> list[str]:
    if not any(columns):
        raise CorpusError(f"{source} does not begin with a header; wanted the columns _id, title, text")
    for number, column in enumerate(columns, 1):
        if not column.strip():
            raise CorpusError(f"{source}: column {number} has no name; it has: {field_names(columns)}")
        if columns.count(column) > 1:
            raise CorpusError(f"{source}: the column {column!r} stands {columns.count(column)} times in the header")
    return list(columns)


def _fields(row: Sequence[str], columns: Sequence[str]) -> dict[str, object]:
    if len(row) != len(columns):
        raise BadRecordError(f"has {len(row)} fields, the header {len(columns)}")
    for column, value in zip(columns, row, strict=True):
        if has_surrogate(value):
            raise BadRecordError(f"is not UTF-8 in the column {column!r}")
    return dict(zip(columns, row, strict=True))

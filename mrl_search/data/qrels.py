"""Relevance judgements, as BEIR and as TREC write them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mrl_search.data.record import has_control
from mrl_search.errors import RunError

HEADER = ("query-id", "corpus-id", "score")
_TREC = ("query", "0", "document", "grade")
_BOM = "\ufeff"
_WHOLE = re.compile(r"-?[0-9]{1,9}")

Qrels = dict[str, dict[str, int]]


class Judgement(NamedTuple):
    """One line of qrels, its grade still as it was written."""

    where: str
    query: str
    document: str
    grade: str


def read_qrels(path: Path) -> Qrels:
    """Query id → document id → grade, from BEIR's TSV; file order, CRLF or LF.

    Raises RunError for a missing header, a line that is not three fields, a
    grade that is no whole number, and a pair judged twice with two grades.
    """
    return collect_qrels(_beir_judgements(path))


def read_trec_qrels(path: Path) -> Qrels:
    """Query id → document id → grade, from lines of `query 0 document grade`; file order.

    Raises RunError, as `read_qrels` does.
    """
    return collect_qrels(_trec_judgements(path))


def read_any_qrels(path: Path) -> Qrels:
    """As `read_trec_qrels` if the first line has four fields, else as `read_qrels`."""
    _, first = next(_lines(path), ("", ""))
    return read_trec_qrels(path) if len(first.split()) == len(_TREC) else read_qrels(path)


def collect_qrels(judgements: Iterable[Judgement]) -> Qrels:
    """Query id → document id → grade, in order. Raises RunError for a grade that is none or contradicts another."""
    qrels: Qrels = {}
    for where, query, document, written in judgements:
        if not query or not document:
            raise RunError(f"{where}: the {'document' if query else 'query'} id is empty")
        if has_control(query) or has_control(document):
            raise RunError(f"{where}: the ids {query!r}, {document!r} hold a control character")
        if not _WHOLE.fullmatch(written):
            raise RunError(f"{where}: the grade {written!r} is not a whole number")
        grade = int(written)
        judged = qrels.setdefault(query, {})
        if judged.setdefault(document, grade) != grade:
            raise RunError(
                f"{where}: the document {document} is graded {grade} for the query {query}, "
                f"but {judged[document]} further up"
            )
    return qrels


def _beir_judgements(path: Path) -> Iterator[Judgement]:
    lines = _lines(path)
    where, header = next(lines, (str(path), ""))
    if tuple(header.split("\t")) != HEADER:
        raise RunError(f"{where}: found {header[:80]!r}, wanted the header {' '.join(HEADER)}, separated by tabs")
    for where, line in lines:
        fields = line.split("\t")
        if len(fields) != len(HEADER):
            raise RunError(f"{where}: found {len(fields)} fields, wanted 3, separated by tabs: {' '.join(HEADER)}")
        yield Judgement(where, fields[0], fields[1], fields[2].strip())


def _trec_judgements(path: Path) -> Iterator[Judgement]:
    for where, line in _lines(path):
        fields = line.split()
        if len(fields) != len(_TREC):
            raise RunError(f"{where}: found {len(fields)} fields, wanted 4: {' '.join(_TREC)}")
        yield Judgement(where, fields[0], fields[2], fields[3])


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """(where, text) of every line that is not blank, without its end."""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                where = f"{path}, line {number}"
                line = raw.decode("utf-8").removeprefix(_BOM).rstrip("\r\n")
                if line.strip():
                    yield where, line
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RunError(f"{where}: is not UTF-8: byte 0x{error.object[error.start]:02x}") from error

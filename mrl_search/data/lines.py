"""Files with one record on each line: JSONL and plain text."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import NoReturn

from mrl_search.data.documents import Tolerance
from mrl_search.data.files import STDIN, byte_lines, decoded, open_bytes
from mrl_search.data.record import BadRecordError, Record

_JSON_NAMES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def json_records(source: str, tolerance: Tolerance) -> Iterator[Record]:
    """The objects of a JSONL file (.gz, or `-` for stdin) in order; blank lines are passed over.

    Lines that hold no object go to `tolerance`. Raises CorpusError, also when
    the file is missing or damaged.
    """
    for _, where, text in _texts(source, tolerance):
        try:
            yield Record(where, _object(text))
        except BadRecordError as error:
            tolerance.bad(where, str(error))


def text_records(source: str, tolerance: Tolerance) -> Iterator[Record]:
    """One document or query a line, with the line's number as its id; blank lines count but give none.

    Raises CorpusError, as `json_records` does.
    """
    for number, where, text in _texts(source, tolerance):
        yield Record(where, {"_id": number, "text": text.strip()})


def id_records(source: str, tolerance: Tolerance) -> Iterator[Record]:
    """One document without a text for each line, which is its id: for vectors that were made elsewhere.

    Raises CorpusError, as `json_records` does.
    """
    for _, where, text in _texts(source, tolerance):
        yield Record(where, {"_id": text.strip(), "text": ""})


def exact_lines(source: str, tolerance: Tolerance) -> Iterator[str]:
    """Every line that is not blank, with the blanks at its ends. Raises CorpusError, as `json_records` does."""
    return (text.rstrip("\r\n") for _, _, text in _texts(source, tolerance))


def _texts(source: str, tolerance: Tolerance) -> Iterator[tuple[int, str, str]]:
    """(line number, where, text) of every line that is not blank."""
    shown = "stdin" if source == STDIN else source
    with open_bytes(source) as file:
        for number, line in enumerate(byte_lines(file), 1):
            where = f"{shown}, line {number}"
            try:
                text = decoded(line)
            except BadRecordError as error:
                tolerance.bad(where, str(error))
                continue
            if text.strip():
                yield number, where, text


def _object(text: str) -> Mapping[str, object]:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise BadRecordError(f"is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise BadRecordError("is JSON nested too deeply") from None
    except BadRecordError:
        raise
    except ValueError:  # Python refuses to convert more digits, for that takes quadratic time
        raise BadRecordError(f"holds an integer of more than {sys.get_int_max_str_digits():,} digits") from None
    if not isinstance(value, dict):
        raise BadRecordError(f"is {_JSON_NAMES[type(value)]}, wanted a JSON object")
    return value


def _refuse(constant: str) -> NoReturn:
    raise BadRecordError(f"holds {constant}, which is not JSON")

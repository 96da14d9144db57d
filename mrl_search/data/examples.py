"""Examples to train on: pairs, triplets, scored and labelled pairs, from the kinds of file a corpus may be."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mrl_search.data import hub
from mrl_search.data.corpus import reader_of
from mrl_search.data.documents import Tolerance
from mrl_search.data.record import BadRecordError, Record, field_names
from mrl_search.document import has_surrogate
from mrl_search.errors import CorpusError

_FIRST = ("query", "anchor", "question", "sentence1", "sentence_A", "premise")
_SECOND = ("positive", "answer", "document", "sentence2", "sentence_B", "hypothesis")
_THIRD = ("negative",)


class Example(NamedTuple):
    """Two texts that belong together (or are scored or labelled), and perhaps one that does not belong to the first.

    score: a similarity on the source's own scale. label: a class, from 0.
    """

    first: str
    second: str
    negative: str | None = None
    score: float | None = None
    label: int | None = None


def read_examples(source: str) -> Iterator[Example]:
    """The examples of a JSONL, CSV, TSV or Parquet file (.gz), or of the split "train" of `hf:NAME[:CONFIG]`, in order.

    A record's texts are its `query` (anchor, question, sentence1, premise), its `positive` (answer, document,
    sentence2, hypothesis) and its `negative`; the first of the names that is there counts. `score` and `label` are
    numbers.
    Raises CorpusError, with the place and the reason, for the first record that is none.
    """
    if source.startswith(hub.SCHEME):
        records = hub.example_records(source.removeprefix(hub.SCHEME))
    else:
        reader, _ = reader_of(source)
        records = reader(source, Tolerance(0))
    for record in records:
        yield _example(record)


def _example(record: Record) -> Example:
    fields = record.fields
    try:
        return Example(
            _text(fields, _FIRST, "first"),
            _text(fields, _SECOND, "second"),
            _text(fields, _THIRD, "third") if any(fields.get(name) is not None for name in _THIRD) else None,
            _number(fields, "score"),
            _label(fields),
        )
    except BadRecordError as error:
        raise CorpusError(f"{record.where}: {error}") from error


def _text(fields: Mapping[str, object], names: tuple[str, ...], which: str) -> str:
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or not value.strip():
            raise BadRecordError(f"its {name} is {value!r}, wanted a text".replace("\n", " ")[:200])
        if has_surrogate(value):
            raise BadRecordError(f"its {name} holds half a surrogate pair, which is not text")
        return value
    raise BadRecordError(f"has no {which} text, wanted one of {', '.join(names)}; it has: {field_names(fields)}")


def _number(fields: Mapping[str, object], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or number - number != 0:  # NaN and infinity
        raise BadRecordError(f"its {name} is {value!r}, wanted a number"[:200])
    return number


def _label(fields: Mapping[str, object]) -> int | None:
    number = _number(fields, "label")
    if number is None:
        return None
    if number < 0 or number != int(number):
        raise BadRecordError(f"its label is {number}, wanted a whole number from 0")
    return int(number)

"""What a corpus is made of, and what becomes of a record that is none."""

from collections.abc import Iterable, Iterator, Mapping

from mrl_search.data.metadata import read_metadata
from mrl_search.data.record import BadRecordError, Record, field_names, has_control
from mrl_search.document import Document, has_surrogate
from mrl_search.errors import CorpusError

ID_LIMIT = 512  # characters; longer ones are a text in the wrong column


class Tolerance:
    """How many bad records may be skipped, and which have been."""

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.skipped: list[str] = []

    def bad(self, where: str, reason: str) -> None:
        """Notes a bad record; raises CorpusError when it is one more than `limit`."""
        found = f"{where}: {reason}"
        if len(self.skipped) < self.limit:
            self.skipped.append(found)
            return
        if self.limit:
            raise CorpusError(f"{found}; {self.limit} bad records were skipped before it, as --skip-bad allows")
        raise CorpusError(f"{found}; mend it, or skip bad records with --skip-bad N")


def to_documents(records: Iterable[Record], tolerance: Tolerance) -> Iterator[Document]:
    """The records as documents, in order; those that make none go to `tolerance`.

    Ids are not compared with each other: a billion of them do not fit in memory.
    """
    for record in records:
        try:
            document = to_document(record.fields, record.where)
        except BadRecordError as error:
            tolerance.bad(record.where, str(error))
        else:
            yield document


def to_document(fields: Mapping[str, object], where: str) -> Document:
    """A document from BEIR's names: `_id` (or `id`), `title`, `text`; all else is metadata.

    Null counts as absent. A document may be empty, as two of Cranfield's are,
    but must have a text or a title to be empty. Raises BadRecordError.
    """
    key = "id" if fields.get("_id") is None else "_id"
    if fields.get(key) is None:
        raise BadRecordError(f"has no _id or id; it has: {field_names(fields)}")
    if fields.get("text") is None and fields.get("title") is None:
        raise BadRecordError(f"has neither text nor title; it has: {field_names(fields)}")
    rest = {name: value for name, value in fields.items() if name not in (key, "_id", "title", "text")}
    return Document(
        id=_identifier(fields[key], key),
        text=_text(fields, "text"),
        title=_text(fields, "title"),
        metadata=read_metadata(rest),
        where=where,
    )


def _identifier(value: object, key: str) -> str:
    """An id as text: one that fits on a line of any file we write."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRecordError(f"its {key} is of type {type(value).__name__}, wanted a string or an integer")
    identifier = str(value)
    if not identifier.strip():
        raise BadRecordError(f"its {key} is empty")
    if len(identifier) > ID_LIMIT:
        raise BadRecordError(f"its {key} has {len(identifier)} characters, wanted at most {ID_LIMIT}")
    if has_control(identifier):
        raise BadRecordError(f"its {key} {identifier!r} holds a control character")
    if has_surrogate(identifier):
        raise BadRecordError(f"its {key} {identifier!r} holds half a surrogate pair, which is not text")
    return identifier


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRecordError(f"its {name} is of type {type(value).__name__}, wanted a string")
    if has_surrogate(value):
        raise BadRecordError(f"its {name} holds half a surrogate pair, which is not text")
    return value

"""Checksums of what a catalog holds: SQLite's pages have none, so a bit that flips in a text would be answered.

CRC-32 finds every flip of one or two bits, and all but one of four billion other damages. It is no seal against who
writes on purpose: he would write the sum, too (SECURITY.md).
"""

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError

_SEGMENT, _ROW, _MASK = 2_654_435_761, 2_246_822_519, 2**32 - 1
_EACH = "SELECT sum, segment, row, id, title, text, metadata FROM documents"
Read = Callable[..., Iterable[tuple[Any, ...]]]
"""A statement to a catalog, and its values, to rows."""
MOVED = (
    f"(documents.sum - documents.segment * {_SEGMENT} - documents.row * {_ROW} + "
    f"? * {_SEGMENT} + moved.row * {_ROW}) & {_MASK}"
)
"""SQL: the checksum of a document in its new segment (the parameter) and row (`moved`); one that was wrong stays so."""


def checksum(segment: int, row: int, *parts: str) -> int:
    """Of a document's place and of its id, title, text and metadata as they are stored.

    The place is in it because SQLite finds documents by an index of places, where a bit may flip, too. It is added, so
    that a document can move without being read. Raises TypeError for what is no text.
    """
    return (zlib.crc32("\0".join(parts).encode()) + segment * _SEGMENT + row * _ROW) & _MASK


def seal(read: Read, manifest: str) -> int:
    """Of all a reader goes by before it looks at a document: the manifest, the segments, and which rows are deleted."""
    segments = list(read("SELECT * FROM segments ORDER BY number"))
    dead = list(read("SELECT segment, count(*), sum(row) FROM tombstones GROUP BY segment ORDER BY segment"))
    return zlib.crc32(repr((manifest, segments, dead)).encode())


def sum_all(connection: sqlite3.Connection) -> None:
    """Gives every document of an older format its checksum, within the writer's transaction."""
    connection.create_function("checksum", 6, checksum, deterministic=True)
    connection.execute("UPDATE documents SET sum = checksum(segment, row, id, title, text, metadata)")


def is_whole(told: int, segment: int, row: int, *parts: str) -> bool:
    """Whether that is the checksum of the parts, in that place."""
    try:
        return told == checksum(segment, row, *parts)
    except TypeError:  # what is no text
        return False


def damaged(read: Read) -> list[str]:
    """The ids, as they are now, of all documents whose checksum is another."""
    return [str(one[2]) for told, *one in read(f"{_EACH}") if not is_whole(told, *one)]


def demand_whole(read: Read, segment: int, count: int) -> None:
    """Raises IndexStoreError unless the segment has so many documents, each of them what was committed.

    For who goes by what no answer shows, as a filter does by the metadata of documents that it leaves out.
    """
    found = 0
    for told, *one in read(f"{_EACH} WHERE segment = ?", segment):
        demand(told, *one)
        found += 1
    if found != count:
        raise IndexStoreError(
            f"the catalog finds {found:,} documents of segment {segment}, which has {count:,}; build the index again"
        )


def demand(told: int, segment: int, row: int, identifier: str, *parts: str) -> None:
    """Raises IndexStoreError unless that is the checksum of a document, in that place."""
    if not is_whole(told, segment, row, identifier, *parts):
        raise IndexStoreError(
            f"the document {identifier!r} is damaged: its text is not what was committed; add it again"
        )


def restored(place: tuple[int, int], parts: Sequence[str], told: int | None) -> Document:
    """The document of a row of the catalog.

    place: the segment and row it was asked for by. parts: id, title, text, metadata. told: its checksum; None in a
    format without them. Raises IndexStoreError where it is damaged.
    """
    identifier, title, text, metadata = parts
    if told is not None:
        demand(told, *place, *parts)
    try:
        return Document(identifier, text, title, json.loads(metadata) if metadata else {})
    except (ValueError, TypeError, RecursionError) as error:
        raise IndexStoreError(f"the metadata of the document {identifier!r} is damaged: {error}") from error

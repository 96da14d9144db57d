"""Checksums of what a catalog holds: SQLite's pages have none, so a bit that flips in a text would be answered.

CRC-32 finds every flip of one or two bits, and all but one of four billion other damages. It is no seal against who
writes on purpose: he would write the sum, too (SECURITY.md).
"""

import json
import sqlite3
import zlib

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError


def checksum(*parts: str) -> int:
    """Of a document's id, title, text and metadata as they are stored. Raises TypeError for what is no text."""
    return zlib.crc32("\0".join(parts).encode())


def seal(connection: sqlite3.Connection, manifest: str) -> int:
    """Of all a reader goes by before it looks at a document: the manifest, the segments, and which rows are deleted."""
    segments = connection.execute("SELECT * FROM segments ORDER BY number").fetchall()
    dead = connection.execute(
        "SELECT segment, count(*), sum(row) FROM tombstones GROUP BY segment ORDER BY segment"
    ).fetchall()
    return zlib.crc32(repr((manifest, segments, dead)).encode())


def sum_all(connection: sqlite3.Connection) -> None:
    """Gives every document of an older format its checksum, within the writer's transaction."""
    connection.create_function("checksum", 4, checksum, deterministic=True)
    connection.execute("UPDATE documents SET sum = checksum(id, title, text, metadata)")


def is_whole(told: int, *parts: str) -> bool:
    """Whether that is the checksum of the parts."""
    try:
        return told == checksum(*parts)
    except TypeError:  # what is no text
        return False


def restored(identifier: str, title: str, text: str, metadata: str, told: int | None) -> Document:
    """The document of a row of the catalog. told: its checksum; None in a format without them.

    Raises IndexStoreError where it is damaged.
    """
    if told is not None and not is_whole(told, identifier, title, text, metadata):
        raise IndexStoreError(
            f"the document {identifier!r} is damaged: its text is not what was committed; add it again"
        )
    try:
        return Document(identifier, text, title, json.loads(metadata) if metadata else {})
    except (ValueError, TypeError, RecursionError) as error:
        raise IndexStoreError(f"the metadata of the document {identifier!r} is damaged: {error}") from error

"""Words in a catalog: for each, the rows of a segment whose documents have it, and how often.

Postings lie in parts of 65,536 rows, so that a row takes two bytes, and a build holds the words of no more documents
at a time. Whatever writes a segment's documents writes its words in the same transaction.
"""

import sqlite3
import sys
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.sums import demand
from mrl_search.indexes.tokens import tokens

PART = 65_536
_MOST = 65_535  # times that a word, or words that a document, is counted
_TABLES = (
    "DROP TABLE IF EXISTS postings",
    "DROP TABLE IF EXISTS lengths",
    "CREATE TABLE postings (segment INTEGER NOT NULL, word TEXT NOT NULL, part INTEGER NOT NULL, rows BLOB NOT NULL, "
    "counts BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (segment, word, part)) WITHOUT ROWID",
    "CREATE TABLE lengths (segment INTEGER PRIMARY KEY, words BLOB NOT NULL, sum INTEGER NOT NULL, "
    "total INTEGER NOT NULL)",
)
Read = Callable[..., Iterable[tuple[Any, ...]]]
"""A statement and its values to rows."""


def _silent(_: int) -> None: ...


def write_words(
    connection: sqlite3.Connection,
    segment: int,
    rows: int,
    texts: Iterable[tuple[int, str]],
    told: Callable[[int], object] = _silent,
) -> None:
    """Writes the words of a segment that has none, within the caller's transaction.

    rows: how many the segment has, deleted ones too. texts: of its documents, by row, ascending. told: is told, every
    so often, of how many more documents the words are known.
    """
    _have_tables(connection)
    lengths = np.zeros(rows, np.uint32)
    for part, some in groupby(texts, lambda one: one[0] // PART):
        posted: defaultdict[str, tuple[array[int], list[int]]] = defaultdict(lambda: (array("H"), []))
        for row, text in some:
            found = tokens(text)
            lengths[row] = len(found)
            for word, count in Counter(found).items():
                at, counts = posted[word]
                at.append(row - part * PART)
                counts.append(count)
            told(1)
        connection.executemany(
            "INSERT INTO postings VALUES (?, ?, ?, ?, ?, ?)",
            (
                (segment, word, part, at_rows, times, posted_sum(word, part, at_rows, times))
                for word, (at, counts) in sorted(posted.items())
                for at_rows, times in [(_little(at), _counts(counts))]
            ),
        )
    packed = _packed(lengths)
    values = (segment, packed, posted_sum(packed), _total(connection, segment, packed))
    connection.execute("INSERT INTO lengths VALUES (?, ?, ?, ?)", values)


def write_stored_words(
    connection: sqlite3.Connection, segment: int, rows: int, told: Callable[[int], object] = _silent
) -> None:
    """As `write_words`, of the documents that the catalog has for the segment."""
    _have_tables(connection)  # before documents are read: SQLite drops no table meanwhile
    texts = connection.execute(
        "SELECT row, title, text, sum, id, metadata FROM documents WHERE segment = ? ORDER BY row", (segment,)
    )
    write_words(connection, segment, rows, _contents(texts, segment, rows), told)


def _have_tables(connection: sqlite3.Connection) -> None:
    """Makes them, in the place of an older version's."""
    if not has_words(connection.execute):
        for statement in _TABLES:
            connection.execute(statement)


def segments_of_damaged_words(connection: sqlite3.Connection) -> list[int]:
    """The segments whose words are not those that were written."""
    if not has_words(connection.execute):
        return []
    told = connection.execute("SELECT segment, words, sum, total FROM lengths ORDER BY segment").fetchall()
    return [
        segment
        for segment, packed, own, total in told
        if (own, total) != (posted_sum(packed), _total(connection, segment, packed))
    ]


def posted_sum(*posted: object, after: int = 0) -> int:
    """CRC-32 of a word, a part, its rows and counts, or whatever stands there, after what was summed up before."""
    return zlib.crc32(b"\0".join(one if isinstance(one, bytes) else str(one).encode() for one in posted), after)


def _total(connection: sqlite3.Connection, segment: int, packed: bytes) -> int:
    """CRC-32 of a segment's lengths and of all its postings, by word and part: none is missing, either."""
    posted = "SELECT word, part, rows, counts, sum FROM postings WHERE segment = ? ORDER BY word, part"
    found = posted_sum(packed)
    for one in connection.execute(posted, (segment,)):
        found = posted_sum(*one, after=found)
    return found


def _contents(texts: Iterable[tuple[Any, ...]], segment: int, rows: int) -> Iterator[tuple[int, str]]:
    for row, title, text, told, identifier, metadata in texts:
        if not (isinstance(row, int) and 0 <= row < rows):
            raise IndexStoreError(f"the catalog speaks of row {row!r} of segment {segment}, which has {rows:,}")
        demand(told, segment, row, identifier, title, text, metadata)  # what is indexed, is answered
        yield row, f"{title} {text}"


def forget_words(connection: sqlite3.Connection, segments: Sequence[int] | None = None) -> None:
    """Removes the words of those segments, or of all, within the caller's transaction."""
    if not has_words(connection.execute):
        return
    some = "" if segments is None else f" WHERE segment IN ({','.join(map(str, map(int, segments)))})"
    for table in ("postings", "lengths"):
        connection.execute(f"DELETE FROM {table}{some}")  # noqa: S608  numbers only


def segments_with_words(connection: sqlite3.Connection) -> set[int]:
    """The numbers of the segments whose words are known."""
    if not has_words(connection.execute):
        return set()
    return {segment for (segment,) in connection.execute("SELECT segment FROM lengths")}


def _little(rows: "array[int]") -> bytes:
    """Two bytes each, the lower one first, as most machines have them anyway."""
    if sys.byteorder == "big":
        rows.byteswap()
    return rows.tobytes()


def unpacked(blob: bytes, count: int) -> NDArray[Any]:
    """(count,) numbers of one or two bytes each. Raises ValueError or TypeError for what `_packed` did not make."""
    numbers = np.frombuffer(blob, "<u2" if len(blob) == 2 * count else "u1")
    if len(numbers) != count:
        raise ValueError(f"{len(blob)} bytes for {count} numbers")
    return numbers


def _packed(numbers: NDArray[Any]) -> bytes:
    """Numbers up to 65,535, and that for more; as bytes if they fit."""
    packed: bytes = np.minimum(numbers, _MOST).astype("u1" if numbers.max(initial=0) < 256 else "<u2").tobytes()
    return packed


def _counts(counts: list[int]) -> bytes:
    return bytes(counts) if max(counts) < 256 else _packed(np.array(counts))


def has_words(read: Read) -> bool:
    """Whether a catalog has tables of words, with checksums: the first ones had none, and are written anew."""
    return bool(list(read("SELECT 1 FROM pragma_table_info('lengths') WHERE name = 'total'")))

"""The SQLite file of an index: its documents, its segments, its manifest.

It is the only commit point: what a transaction here has not committed does not
exist, whatever files lie about.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mrl_search.document import Document
from mrl_search.errors import IndexBusyError, IndexStoreError
from mrl_search.indexes.filters import Condition
from mrl_search.indexes.layout import FileRecord, Layout, Segment, demand_no_links
from mrl_search.indexes.manifest import Manifest
from mrl_search.indexes.owner import claimed_by, say_who, unsay
from mrl_search.indexes.postings import forget_words
from mrl_search.indexes.refused import absent, refused
from mrl_search.indexes.schema import (
    ANEW,
    LIVING,
    SUMMED,
    UNREADABLE,
    connect,
    connect_to_read,
    create,
    demand_format,
    enlarge,
    is_blank,
)
from mrl_search.indexes.sums import checksum, demand, restored, seal

_PER_LOOKUP = 500
_LOCK_SECONDS = 5.0


class Catalog:
    """One connection to an index.sqlite; a reader's sees one snapshot for as long as it is open."""

    def __init__(self, connection: sqlite3.Connection, path: Path, frozen_at: int | None = None) -> None:
        self._connection = connection
        self._path = path
        self._writes = False
        self._frozen_at = frozen_at  # the file's time of change, where SQLite reads it without locks

    @classmethod
    def read(cls, path: Path) -> "Catalog":
        """Opens a snapshot. Raises IndexStoreError unless `path` is a catalog of this format with a manifest."""
        try:
            if not path.is_file():
                raise absent(path.parent)
            demand_no_links(Layout(path.parent))
            changed = path.stat().st_mtime_ns
            connection, is_frozen = connect_to_read(path, _LOCK_SECONDS)
            catalog = cls(connection, path, changed if is_frozen else None)
            demand_format(connection, path)
        except (*UNREADABLE, OSError) as error:
            raise IndexStoreError(f"{path} cannot be read: {refused(error, path.parent)}") from error
        return catalog

    @classmethod
    def write(cls, path: Path) -> "Catalog":
        """Opens for writing, made if need be, and takes the one write lock until `commit` or `close`.

        Raises IndexStoreError when another process holds the lock.
        """
        demand_no_links(Layout(path.parent))
        try:
            connection = connect(path, "rwc", _LOCK_SECONDS)
            catalog = cls(connection, path)
            catalog._writes = True
            if not is_blank(connection):
                demand_format(connection, path)  # before anything is changed: it may be another program's
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            if is_blank(connection):
                create(connection)
            say_who(path.parent)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                who = claimed_by(path.parent)
                raise IndexBusyError(
                    f"another process is writing to {path.parent}{who}; wait for it to finish"
                ) from error
            raise IndexStoreError(f"{path} cannot be written: {refused(error, path.parent)}") from error
        except UNREADABLE as error:
            raise IndexStoreError(f"{path} cannot be written: {error}; {ANEW.format(path.parent)}") from error
        return catalog

    @property
    def is_pending(self) -> bool:
        """Of a writer: whether the lock is held, and nothing since `write` is committed."""
        return self._connection.in_transaction

    def close(self) -> None:
        """Ends the snapshot; of a writer, undoes what is not committed."""
        if self._connection.in_transaction:
            if self._writes:
                unsay(self._path.parent)
            self._connection.execute("ROLLBACK")
        self._connection.close()

    def commit(self, manifest: Manifest) -> None:
        """Makes everything since `write` true at once."""
        told = manifest.to_json()
        values = (1, told, seal(self._connection.execute, told)) if self.format >= SUMMED else (1, told)
        marks = ", ".join("?" * len(values))
        self._connection.execute(f"INSERT OR REPLACE INTO manifest VALUES ({marks})", values)  # noqa: S608
        unsay(self._path.parent)  # while it is true: once it is committed, the next writer says so of itself
        self._connection.execute("COMMIT")

    def tidy(self) -> None:
        """Gives the space of what was replaced back to the disk, when it is a quarter of the file or more."""
        free, pages = (
            self._connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("freelist_count", "page_count")
        )
        if 4 * free >= pages:
            self._connection.execute("VACUUM")

    def manifest(self) -> Manifest | None:
        """The committed manifest; None in a catalog to which nothing was ever committed."""
        rows = list(self._read("SELECT json FROM manifest"))
        return Manifest.from_json(rows[0][0], str(self._path)) if rows else None

    def demand_sealed(self) -> None:
        """Raises IndexStoreError unless manifest, segments and tombstones are those that were committed."""
        if self.format < SUMMED:
            return
        for manifest, told in self._read("SELECT json, sum FROM manifest"):
            if told != seal(self._read, manifest):
                raise IndexStoreError(
                    f"{self._path} is damaged: what it says of the index is not what was committed; build it again"
                )

    def segments(self) -> list[Segment]:
        """All segments, by number."""
        rows = self._read("SELECT * FROM segments ORDER BY number")
        found = [Segment(row[0], row[1], FileRecord(*row[2:4]), FileRecord(*row[4:6]), *row[6:]) for row in rows]
        for number, documents, *_, codec in found:
            whole = isinstance(documents, int) and isinstance(number, int) and isinstance(codec, str)
            if not (whole and 0 <= documents < 2**31 and number > 0):
                raise IndexStoreError(f"{self._path}: segment {number!r} of {documents!r} documents cannot be")
        return found

    def folders(self, manifest: Manifest | None) -> set[int]:
        """The numbers of all segment folders that something is read from."""
        rotation = manifest.rotation if manifest is not None else None
        return {segment.number for segment in self.segments()} | ({rotation.segment} if rotation is not None else set())

    def tombstones(self, segment: int) -> list[int]:
        """The rows of a segment whose documents were deleted or replaced, ascending."""
        if self.format < LIVING:
            return []
        rows = self._read("SELECT row FROM tombstones WHERE segment = ? ORDER BY row", segment)
        return [row for (row,) in rows]

    def matching(self, segment: int, condition: Condition) -> list[int]:
        """The rows of a segment's documents that a filter passes, ascending."""
        statement = f"SELECT row FROM documents WHERE segment = ? AND {condition.sql} ORDER BY row"  # noqa: S608
        return [row for (row,) in self._read(statement, segment, *condition.parameters)]

    def deaths(self) -> int:
        """How many tombstones there are, in a catalog of format 2."""
        return int(next(self._read("SELECT count(*) FROM tombstones"))[0])

    def upgrade(self) -> None:
        """Makes room for several segments, tombstones and checksums, within the writer's transaction."""
        if self.format < SUMMED:
            enlarge(self._connection, self.format)

    @property
    def format(self) -> int:
        """3; 1 or 2 of an index of an older version that was not added to or deleted from since."""
        ((version,),) = self._read("PRAGMA user_version")
        return int(version)

    def read_rows(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """For `Words`: rows as they come. Raises IndexStoreError where the file is damaged, or closed."""
        return self._read(statement, *values)

    @property
    def connection(self) -> sqlite3.Connection:
        """For `Changes` and `check`."""
        return self._connection

    def clear(self) -> None:
        """Removes all documents and segments, within the writer's transaction."""
        for table in ("documents", "segments", *(["tombstones"] if self.format >= LIVING else [])):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608
        forget_words(self._connection)

    def new_segment(self) -> int:
        """Reserves a segment number that no segment of this index ever had."""
        added = self._connection.execute(
            "INSERT INTO segments (documents, vectors_bytes, vectors_sha256, prefix_bytes, prefix_sha256)"
            " VALUES (0, 0, '', 0, '')"
        )
        return int(added.lastrowid or 0)

    def finish_segment(self, segment: Segment) -> None:
        """Records what the files of a reserved segment came to."""
        self._connection.execute(
            "UPDATE segments SET documents = ?, vectors_bytes = ?, vectors_sha256 = ?, prefix_bytes = ?,"
            " prefix_sha256 = ? WHERE number = ?",
            (segment.documents, *segment.vectors, *segment.prefix, segment.number),
        )
        if segment.codec:
            self._connection.execute("UPDATE segments SET prefix = ? WHERE number = ?", (segment.codec, segment.number))

    def add(self, segment: int, row: int, document: Document) -> bool:
        """Adds a document; False, and nothing added, if its id is taken."""
        metadata = json.dumps(document.metadata, ensure_ascii=False, allow_nan=False) if document.metadata else ""
        parts = (document.id, document.title, document.text, metadata)
        added = self._connection.execute(
            "INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)",
            (segment, row, *parts, checksum(segment, row, *parts)),
        )
        return added.rowcount == 1

    def row_of(self, document_id: str) -> int:
        """The row of a document that is there."""
        ((row,),) = self._read("SELECT row FROM documents WHERE id = ?", document_id)
        return int(row)

    def documents(self, segment: int) -> Iterator[Document]:
        """All documents of a segment in row order, streamed. Raises IndexStoreError at a damaged one."""
        statement = f"SELECT row, {self._whole} FROM documents WHERE segment = ? ORDER BY row"  # noqa: S608
        return (restored((segment, row), parts, told) for row, *parts, told in self._read(statement, segment))

    def fetch(self, segment: int, rows: Sequence[int]) -> dict[int, Document]:
        """The documents at those rows, by row. Raises IndexStoreError if one is missing, or damaged."""
        found = self._select(f"row, {self._whole}", segment, rows)
        return {row: restored((segment, row), parts, told) for row, *parts, told in found}

    def ids(self, segment: int, rows: Sequence[int]) -> dict[int, str]:
        """Only the ids of the documents at those rows, by row. Raises as `fetch`."""
        found = self._select(f"row, {self._whole}", segment, rows)
        for row, *parts, told in found:
            if told is not None:
                demand(told, segment, row, *parts)
        return {row: identifier for row, identifier, *_ in found}

    @property
    def _whole(self) -> str:
        """The columns of a document, and its checksum, if it has one."""
        return f"id, title, text, metadata, {'sum' if self.format >= SUMMED else 'NULL'}"

    def _select(self, columns: str, segment: int, rows: Sequence[int]) -> list[tuple[Any, ...]]:
        wanted = sorted(set(rows))
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(wanted), _PER_LOOKUP):
            some = wanted[start : start + _PER_LOOKUP]
            marks = ",".join("?" * len(some))
            statement = f"SELECT {columns} FROM documents WHERE segment = ? AND row IN ({marks})"  # noqa: S608
            found += self._read(statement, segment, *some)
        if len(found) != len(wanted):
            raise IndexStoreError(f"{self._path} lacks documents that its vectors have; build the index again")
        return found

    def _read(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Rows as they come. Raises IndexStoreError where the file is damaged, or was changed while it had no lock."""
        if self._frozen_at is not None and _changed(self._path) != self._frozen_at:
            raise IndexStoreError(f"{self._path} was changed since it was opened; open the index again")
        try:
            for row in self._connection.execute(statement, values):  # noqa: UP028  `yield from` would close the cursor
                yield row  # of a connection that an interrupted build has closed by then
        except sqlite3.ProgrammingError as error:
            raise IndexStoreError(f"the index in {self._path.parent} was closed; open it again") from error
        except UNREADABLE as error:
            raise IndexStoreError(f"{self._path} cannot be read: {error}; {ANEW.format(self._path.parent)}") from error


def has_commit(path: Path) -> bool:
    """False for what a killed build left; True for an index, even a damaged one, which then says so when opened."""
    try:
        connection, _ = connect_to_read(path, _LOCK_SECONDS)
        try:
            if is_blank(connection):
                return False
            return bool(connection.execute("SELECT count(*) FROM manifest").fetchone()[0])
        finally:
            connection.close()
    except UNREADABLE:
        return True


def _changed(path: Path) -> int | None:
    """When the file was changed last; None if it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None

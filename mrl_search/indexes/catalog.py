"""The SQLite file of an index: its documents, its segments, its manifest.

It is the only commit point: what a transaction here has not committed does not
exist, whatever files lie about.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError
from mrl_search.indexes.layout import FileRecord
from mrl_search.indexes.manifest import FORMAT, Manifest

_APPLICATION_ID = 0x4D524C53  # "MRLS", so that `file` and we know the format
_SCHEMA = """
CREATE TABLE documents (
    segment INTEGER NOT NULL,
    row INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    metadata TEXT NOT NULL,
    UNIQUE (segment, row)
);
CREATE TABLE segments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    documents INTEGER NOT NULL,
    vectors_bytes INTEGER NOT NULL,
    vectors_sha256 TEXT NOT NULL,
    prefix_bytes INTEGER NOT NULL,
    prefix_sha256 TEXT NOT NULL
);
CREATE TABLE manifest (only INTEGER PRIMARY KEY CHECK (only = 1), json TEXT NOT NULL);
"""
_PER_LOOKUP = 500
_START_ANEW = "delete the folder {} to build there anew"
_LOCK_SECONDS = 5.0


class Segment(NamedTuple):
    """A committed segment: its number (never used twice), its documents and its files."""

    number: int
    documents: int
    vectors: FileRecord
    prefix: FileRecord


class Catalog:
    """One connection to an index.sqlite; a reader's sees one snapshot for as long as it is open."""

    def __init__(self, connection: sqlite3.Connection, path: Path, frozen_at: int | None = None) -> None:
        self._connection = connection
        self._path = path
        self._frozen_at = frozen_at  # the file's time of change, where SQLite reads it without locks

    @classmethod
    def read(cls, path: Path) -> "Catalog":
        """Opens a snapshot. Raises IndexStoreError unless `path` is a catalog of this format with a manifest."""
        if not path.is_file():
            raise IndexStoreError(
                f"there is no index in {path.parent}; build one: mrl-search build CORPUS --index {path.parent}"
            )
        try:
            mode = _reading_mode(path)
            frozen_at = path.stat().st_mtime_ns if "immutable" in mode else None
            connection = _connect(path, mode)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            catalog = cls(connection, path, frozen_at)
            catalog._check_format()
        except sqlite3.Error as error:
            raise IndexStoreError(f"{path} cannot be read: {error}") from error
        return catalog

    @classmethod
    def write(cls, path: Path) -> "Catalog":
        """Opens for writing, made if need be, and takes the one write lock until `commit` or `close`.

        Raises IndexStoreError when another process holds the lock.
        """
        try:
            connection = _connect(path, "rwc")
            catalog = cls(connection, path)
            if not catalog._is_blank():
                catalog._check_format()  # before anything is changed: it may be another program's
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            if catalog._is_blank():
                catalog._create()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise IndexStoreError(f"another process is writing to {path.parent}; wait for it to finish") from error
            raise IndexStoreError(f"{path} cannot be written: {error}") from error
        except sqlite3.Error as error:
            raise IndexStoreError(f"{path} cannot be written: {error}; {_START_ANEW.format(path.parent)}") from error
        return catalog

    @property
    def is_pending(self) -> bool:
        """Of a writer: whether the lock is held, and nothing since `write` is committed."""
        return self._connection.in_transaction

    def close(self) -> None:
        """Ends the snapshot; of a writer, undoes what is not committed."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._connection.close()

    def commit(self, manifest: Manifest) -> None:
        """Makes everything since `write` true at once."""
        self._connection.execute("INSERT OR REPLACE INTO manifest VALUES (1, ?)", (manifest.to_json(),))
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

    def segments(self) -> list[Segment]:
        """All segments, by number."""
        rows = self._read("SELECT * FROM segments ORDER BY number")
        return [Segment(row[0], row[1], FileRecord(row[2], row[3]), FileRecord(row[4], row[5])) for row in rows]

    def clear(self) -> None:
        """Removes all documents and segments, within the writer's transaction."""
        self._connection.execute("DELETE FROM documents")
        self._connection.execute("DELETE FROM segments")

    def new_segment(self) -> int:
        """Reserves a segment number that no segment of this index ever had."""
        added = self._connection.execute("INSERT INTO segments VALUES (NULL, 0, 0, '', 0, '')")
        return int(added.lastrowid or 0)

    def finish_segment(self, segment: Segment) -> None:
        """Records what the files of a reserved segment came to."""
        self._connection.execute(
            "UPDATE segments SET documents = ?, vectors_bytes = ?, vectors_sha256 = ?, prefix_bytes = ?,"
            " prefix_sha256 = ? WHERE number = ?",
            (segment.documents, *segment.vectors, *segment.prefix, segment.number),
        )

    def add(self, segment: int, row: int, document: Document) -> bool:
        """Adds a document; False, and nothing added, if its id is taken."""
        metadata = json.dumps(document.metadata, ensure_ascii=False, allow_nan=False) if document.metadata else ""
        added = self._connection.execute(
            "INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, ?, ?)",
            (segment, row, document.id, document.title, document.text, metadata),
        )
        return added.rowcount == 1

    def row_of(self, document_id: str) -> int:
        """The row of a document that is there."""
        ((row,),) = self._read("SELECT row FROM documents WHERE id = ?", document_id)
        return int(row)

    def documents(self, segment: int) -> Iterator[Document]:
        """All documents of a segment in row order, streamed."""
        rows = self._read("SELECT id, title, text, metadata FROM documents WHERE segment = ? ORDER BY row", segment)
        return (_document(*row) for row in rows)

    def fetch(self, segment: int, rows: Sequence[int]) -> dict[int, Document]:
        """The documents at those rows, by row. Raises IndexStoreError if one is missing."""
        found = self._select("row, id, title, text, metadata", segment, rows)
        return {row: _document(*rest) for row, *rest in found}

    def ids(self, segment: int, rows: Sequence[int]) -> dict[int, str]:
        """Only the ids of the documents at those rows, by row. Raises IndexStoreError if one is missing."""
        return dict(self._select("row, id", segment, rows))

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
        if self._frozen_at is not None and self._path.stat().st_mtime_ns != self._frozen_at:
            raise IndexStoreError(f"{self._path} was changed since it was opened; open the index again")
        try:
            for row in self._connection.execute(statement, values):  # noqa: UP028  `yield from` would close the cursor
                yield row  # of a connection that an interrupted build has closed by then
        except sqlite3.ProgrammingError as error:
            raise IndexStoreError(f"the index in {self._path.parent} was closed; open it again") from error
        except sqlite3.Error as error:
            raise IndexStoreError(
                f"{self._path} cannot be read: {error}; {_START_ANEW.format(self._path.parent)}"
            ) from error

    def _create(self) -> None:
        self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        self._connection.execute(f"PRAGMA user_version = {FORMAT}")
        for statement in _SCHEMA.split(";"):
            self._connection.execute(statement)

    def _is_blank(self) -> bool:
        """Whether nothing was ever committed to the file, not even its tables."""
        return not self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]

    def _check_format(self) -> None:
        kind = self._connection.execute("PRAGMA application_id").fetchone()[0]
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if self._is_blank():
            self.close()
            raise IndexStoreError(
                f"nothing is committed in {self._path.parent}: a build is still running, or was cut short; run it again"
            )
        if kind != _APPLICATION_ID:
            self.close()
            raise IndexStoreError(
                f"{self._path} is an SQLite file, but not of mrl-search; {_START_ANEW.format(self._path.parent)}"
            )
        if version != FORMAT:
            self.close()
            raise IndexStoreError(
                f"{self._path} has index format {version}, this mrl-search reads {FORMAT}; "
                f"use the version that built it, or {_START_ANEW.format(self._path.parent)}"
            )


def has_commit(path: Path) -> bool:
    """False for what a killed build left; True for an index, even a damaged one, which then says so when opened."""
    try:
        connection = _connect(path, _reading_mode(path))
        try:
            if Catalog(connection, path)._is_blank():
                return False
            return bool(connection.execute("SELECT count(*) FROM manifest").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error:
        return True


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """In autocommit mode: every transaction is begun and ended by name."""
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_SECONDS, check_same_thread=False)


def _reading_mode(path: Path) -> str:
    """How SQLite is to open a catalog that is only read.

    In WAL mode even a reader keeps -wal and -shm files beside it, and only a
    connection that may write removes them again. Who may not write there reads
    the file as it stands, without locks, and Catalog looks whether it changed.
    """
    if os.access(path.parent, os.W_OK):
        return "rw"
    return "ro" if path.with_name(f"{path.name}-wal").exists() else "ro&immutable=1"


def _document(identifier: str, title: str, text: str, metadata: str) -> Document:
    try:
        return Document(identifier, text, title, json.loads(metadata) if metadata else {})
    except (ValueError, TypeError, RecursionError) as error:
        raise IndexStoreError(f"the metadata of the document {identifier!r} is damaged: {error}") from error

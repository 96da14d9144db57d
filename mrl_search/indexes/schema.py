"""The tables of an index.sqlite in its two formats, which `indexes/README.md` specifies, and how the file is opened."""

import os
import sqlite3
from pathlib import Path

APPLICATION_ID = 0x4D524C53  # "MRLS", so that `file` and we know the format
BUILT = 1
"""The format of an index as it is built: one segment, no tombstones."""
LIVING = 2
"""The format of an index that was added to or deleted from."""

UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file raises: SQLite's message may quote bytes of it."""

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

_TO_LIVING = (
    "ALTER TABLE segments ADD COLUMN prefix TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE tombstones (segment INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (segment, row)) "
    "WITHOUT ROWID",
    f"PRAGMA user_version = {LIVING}",
)


def connect(path: Path, mode: str, wait_seconds: float) -> sqlite3.Connection:
    """In autocommit mode: every transaction is begun and ended by name. wait_seconds: for another's lock."""
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=wait_seconds, check_same_thread=False)


def reading_mode(path: Path) -> str:
    """How SQLite is to open a catalog that is only read.

    In WAL mode even a reader keeps -wal and -shm files beside it, and only a
    connection that may write removes them again. Who may not write there reads
    the file as it stands, without locks, and Catalog looks whether it changed.
    """
    if os.access(path.parent, os.W_OK):
        return "rw"
    return "ro" if path.with_name(f"{path.name}-wal").exists() else "ro&immutable=1"


def create(connection: sqlite3.Connection) -> None:
    """The tables of an index that is about to be built, within a transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {BUILT}")
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)


def enlarge(connection: sqlite3.Connection) -> None:
    """From the first format to the second, within a transaction."""
    for statement in _TO_LIVING:
        connection.execute(statement)

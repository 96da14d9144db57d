"""The tables of an index.sqlite in its formats, which `indexes/README.md` specifies, and how the file is opened."""

import os
import sqlite3
from pathlib import Path

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.sums import sum_all

APPLICATION_ID = 0x4D524C53  # "MRLS", so that `file` and we know the format
BUILT = 1
"""The format of an index as it was first built: one segment, no tombstones, no checksums in the catalog."""
LIVING = 2
"""The format of such an index once it was added to or deleted from."""
SUMMED = 3
"""The format that is written: several segments, tombstones, checksums."""
FORMATS = (BUILT, LIVING, SUMMED)

ANEW = "delete the folder {} to build there anew"
"""The last way out, for messages."""

UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file raises: SQLite's message may quote bytes of it."""

_DOCUMENTS = "segment row id title text metadata"
_SEGMENTS = "number documents vectors_bytes vectors_sha256 prefix_bytes prefix_sha256"
_COLUMNS = {
    BUILT: {"documents": _DOCUMENTS, "segments": _SEGMENTS, "manifest": "only json"},
    LIVING: {
        "documents": _DOCUMENTS,
        "segments": f"{_SEGMENTS} prefix",
        "manifest": "only json",
        "tombstones": "segment row",
    },
    SUMMED: {
        "documents": f"{_DOCUMENTS} sum",
        "segments": f"{_SEGMENTS} prefix",
        "manifest": "only json sum",
        "tombstones": "segment row",
    },
}

_TABLES = (
    """CREATE TABLE documents (
    segment INTEGER NOT NULL,
    row INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    metadata TEXT NOT NULL,
    sum INTEGER NOT NULL,
    UNIQUE (segment, row)
)""",
    """CREATE TABLE segments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    documents INTEGER NOT NULL,
    vectors_bytes INTEGER NOT NULL,
    vectors_sha256 TEXT NOT NULL,
    prefix_bytes INTEGER NOT NULL,
    prefix_sha256 TEXT NOT NULL,
    prefix TEXT NOT NULL DEFAULT ''
)""",
    "CREATE TABLE manifest (only INTEGER PRIMARY KEY CHECK (only = 1), json TEXT NOT NULL, sum INTEGER NOT NULL)",
)
_TOMBSTONES = (
    "CREATE TABLE tombstones (segment INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (segment, row)) WITHOUT ROWID"
)
_TO_LIVING = ("ALTER TABLE segments ADD COLUMN prefix TEXT NOT NULL DEFAULT ''", _TOMBSTONES)
_TO_SUMMED = (
    "ALTER TABLE documents ADD COLUMN sum INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE manifest ADD COLUMN sum INTEGER NOT NULL DEFAULT 0",
)
_LONGEST = 2**28  # bytes of a value or a row; a corpus line has at most 2**24
_CAREFUL = ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0")  # sqlite.org/security.html


def connect(path: Path, mode: str, wait_seconds: float) -> sqlite3.Connection:
    """In autocommit mode: every transaction is begun and ended by name. wait_seconds: for another's lock."""
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    opened = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=wait_seconds, check_same_thread=False)
    opened.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    for setting in _CAREFUL:
        opened.execute(f"PRAGMA {setting}")
    return opened


def connect_to_read(path: Path, wait_seconds: float) -> tuple[sqlite3.Connection, bool]:
    """A connection that has begun to read, and whether it reads the file as it stands, without locks.

    In WAL mode even a reader keeps -wal and -shm files beside it, and only a
    connection that may write removes them again. Where that cannot be, on a
    read-only or a full disk, the file is read as it stands, if nothing waits
    in a -wal; Catalog looks whether it changed.
    """
    waiting = path.with_name(f"{path.name}-wal")
    if os.access(path.parent, os.W_OK):
        try:
            return _begun(path, "rw", wait_seconds), False
        except sqlite3.OperationalError:
            if waiting.exists() and waiting.stat().st_size:
                raise
    elif waiting.exists() and waiting.stat().st_size:
        return _begun(path, "ro", wait_seconds), False
    return _begun(path, "ro&immutable=1", wait_seconds), True


def _begun(path: Path, mode: str, wait_seconds: float) -> sqlite3.Connection:
    connection = connect(path, mode, wait_seconds)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master")  # the snapshot begins with the first read
    except BaseException:
        connection.close()
        raise
    return connection


def create(connection: sqlite3.Connection) -> None:
    """The tables of an index that is about to be built, within a transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SUMMED}")
    for statement in (*_TABLES, _TOMBSTONES):
        connection.execute(statement)


def enlarge(connection: sqlite3.Connection, version: int) -> None:
    """From an older format to the one that is written, within a transaction; gives every document its checksum."""
    for statement in (*(_TO_LIVING if version < LIVING else ()), *_TO_SUMMED):
        connection.execute(statement)
    sum_all(connection)
    connection.execute(f"PRAGMA user_version = {SUMMED}")


def is_blank(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever committed to the file, not even its tables."""
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def demand_format(connection: sqlite3.Connection, path: Path) -> None:
    """Raises IndexStoreError, and closes, unless the file is a catalog of a known format, with nothing else in it."""
    told = _unfit(connection, path)
    if told:
        connection.close()
        raise IndexStoreError(told)


def _unfit(connection: sqlite3.Connection, path: Path) -> str:
    kind, version = (connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("application_id", "user_version"))
    anew = ANEW.format(path.parent)
    if is_blank(connection):
        return f"nothing is committed in {path.parent}: a build is still running, or was cut short; run it again"
    if kind != APPLICATION_ID:
        return f"{path} is an SQLite file, but not of mrl-search; {anew}"
    if version not in FORMATS:
        return (
            f"{path} has index format {version}, this mrl-search reads {FORMATS[0]} to {FORMATS[-1]}; "
            f"use the version that built it, or {anew}"
        )
    if what := _foreign(connection, version):
        return f"{path} holds {what}, which mrl-search did not make; do not trust it: {anew}"
    return ""


def _foreign(connection: sqlite3.Connection, version: int) -> str:
    """What a catalog of that format has that is not of it, as a view that would be asked in a table's place.

    Indexes, and plain tables beside ours, do nothing by themselves.
    """
    for name, kind, sql in connection.execute("SELECT name, type, sql FROM sqlite_master"):
        if kind in ("view", "trigger") or str(sql).upper().startswith("CREATE VIRTUAL"):
            return f"the {kind} {name!r}"
    for table, names in _COLUMNS[version].items():
        found = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (table,)).fetchall()
        if found != [(name, 0) for name in names.split()]:
            return f"other columns in its table {table}"
    return ""

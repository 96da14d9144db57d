"""Whether anything was committed to an index since one looked last."""

import sqlite3
import threading
import weakref
from pathlib import Path

from mrl_search.indexes.layout import Layout
from mrl_search.indexes.schema import UNREADABLE, connect_to_read


class Commits:
    """Looks for commits to an index, cheaply enough for each request of a server (10 µs).

    By SQLite's data_version, which is another once a commit can be read. The files are others before that, while the
    commit is brought to the disk: whoever looked then would find nothing, and not look again.
    """

    def __init__(self, folder: Path) -> None:
        self._path = Layout(folder).catalog
        self._turn = threading.Lock()  # an event loop looks, and threads that open what it found
        self._file: tuple[int, int] | None = None
        self._end = weakref.finalize(self, int)

    def stamp(self) -> object:
        """Other after each commit, and where the file is another; of one that cannot be read, the reason."""
        with self._turn:
            try:
                found = self._path.stat()
                if self._file != (found.st_dev, found.st_ino):
                    self._open()
                    self._file = found.st_dev, found.st_ino
                ((version,),) = self._connection.execute("PRAGMA data_version")
            except (OSError, *UNREADABLE) as error:
                self._file = None
                return str(error)
            return self._file, version, found.st_mtime_ns  # the time, for a file that is read without locks

    def close(self) -> None:
        """Leaves the file. A connection that is only dropped leaves SQLite's files beside it, too."""
        with self._turn:
            self._end()
            self._file = None

    def _open(self) -> None:
        self._end()
        self._connection: sqlite3.Connection = connect_to_read(self._path, 0.0)[0]
        self._end = weakref.finalize(self, self._connection.close)
        self._connection.execute("ROLLBACK")  # of the snapshot that it began with

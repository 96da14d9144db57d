"""Changes a catalog as somebody would who knows the format: with checksums that are right."""

import contextlib
import sqlite3

from mrl_search.indexes.schema import SUMMED
from mrl_search.indexes.sums import seal, sum_all


def forge(index, statement, *values):
    connection = sqlite3.connect(index / "index.sqlite", isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute(statement, values)
    if connection.execute("PRAGMA user_version").fetchone()[0] == SUMMED:
        with contextlib.suppress(sqlite3.OperationalError):  # of a row that is no number there is no checksum
            sum_all(connection)
        for (manifest,) in connection.execute("SELECT json FROM manifest").fetchall():
            connection.execute("UPDATE manifest SET sum = ?", (seal(connection.execute, manifest),))
    connection.close()

"""Who holds the write lock of an index, for the message to whoever has to wait.

SQLite holds the lock, and frees it when its holder dies. `writer.json` only says who it is: it is written by whoever
has just got the lock, so what a killed process left is not read while anybody else writes.
"""

import contextlib
import json
import os
import socket
import time
from pathlib import Path

_NAME = "writer.json"


def say_who(folder: Path) -> None:
    """Writes down that this process is writing, since now; if the disk refuses, nobody will be told."""
    who = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    with contextlib.suppress(OSError):
        (folder / _NAME).write_text(json.dumps(who), encoding="utf-8")


def unsay(folder: Path) -> None:
    """To be called while the lock is still held."""
    with contextlib.suppress(OSError):
        (folder / _NAME).unlink()


def claimed_by(folder: Path) -> str:
    """As `: process 4711 on host, since 2026-11-26T02:40:00+0000`; empty if it is not known."""
    try:
        who = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        return f": process {int(who['pid'])} on {who['host']!s:.64}, since {who['since']!s:.32}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # gone by now, or not written yet
        return ""

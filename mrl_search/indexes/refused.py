"""What the disk or SQLite refused, in words that tell why."""

import os
import shutil
from pathlib import Path

from mrl_search.errors import IndexStoreError

_LEAST = 2**18  # bytes; of less, SQLite cannot even keep its own two files


def refused(error: Exception, folder: Path) -> str:
    """The error's own words, and the reason SQLite does not give: it says "disk I/O error" of a disk that is full."""
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, OSError) or "locked" in told:
        return told
    try:
        if not folder.exists():
            return f"{told}: the folder is gone"
        if not os.access(folder, os.W_OK):
            return f"{told}: the folder is read-only, or not yours to write to"
        if shutil.disk_usage(folder).free < _LEAST:
            return f"{told}: no space is left on the disk"
    except OSError:  # nothing more is known
        pass
    return told


def absent(folder: Path) -> IndexStoreError:
    """Where a folder holds no index: how to build one, or what else it holds."""
    if (folder / "cluster.json").is_file():
        return IndexStoreError(
            f"{folder} is a cluster, and this is of one index; name one of its shards, which "
            f"`mrl-search shards {folder}` shows"
        )
    return IndexStoreError(f"there is no index in {folder}; build one: mrl-search build CORPUS --index {folder}")

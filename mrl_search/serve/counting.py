"""Files that several processes count in, mapped by each: who writes to a page there is no room for is killed."""

import os
from pathlib import Path

from mrl_search.errors import ServeError


def with_room(path: Path, size: int) -> int:
    """A handle of a file of so many bytes, made if need be, that all have their room. Raises ServeError without."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError:
            os.close(handle)
            raise
    except OSError as error:
        raise ServeError(
            f"processes that serve together count in {path.parent.parent}, where there is no room for {size // 1024:,} "
            f"KiB more ({error.strerror}); make some, or serve with one process"
        ) from error
    return handle

"""Files that are there whole or not at all."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNFINISHED = ".unfinished"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A hidden name beside `path` to write to, which takes its place when the block ends well and is removed if not."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def promised(folder: Path) -> Iterator[None]:
    """Makes the folder now; when the block ends, it and those it stands in go again if they were made and are empty."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with contextlib.suppress(OSError):  # one that is not empty, or not there
            for one in made:
                one.rmdir()


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """A hidden folder beside `folder` to write files to, which move into that when the block ends well, or else go.

    What a process that was killed left behind in this way, beside `folder`, is removed first.
    Raises NotADirectoryError, before the block, where `folder` is something else.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    with promised(folder.parent), claimed(folder) as temporary:
        yield temporary
        folder.mkdir(exist_ok=True)
        for file in temporary.iterdir():
            file.replace(folder / file.name)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder, which is there, is this block's alone among those that ask. Raises BlockingIOError if it is held.

    Where the file system cannot lock folders, nobody is kept out.
    """
    with _opened(folder) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield


@contextmanager
def claimed(folder: Path, names: str = "*") -> Iterator[Path]:
    """A new hidden folder beside `folder`, removed at the end; locked as long as this process lives.

    The folder they stand in is locked while this one is made and abandoned ones are swept, so that none is taken for
    abandoned before it is locked. Where the file system cannot lock folders, nothing is swept.
    names: of those that are swept, as a pattern, where other programs leave things, too.
    """
    with _opened(folder.parent) as parent:
        if _lock(parent, fcntl.LOCK_EX):
            for found in folder.parent.glob(f".{names}{_UNFINISHED}"):
                _sweep(found)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=_UNFINISHED))
        held = os.open(temporary, os.O_RDONLY)
        _lock(held, fcntl.LOCK_EX)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(held)


def _sweep(folder: Path) -> None:
    """Removes the folder, unless it is in use, or gone."""
    with contextlib.suppress(OSError), _opened(folder) as handle:
        if _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int, how: int) -> bool:
    """Whether flock(2) is ours, until the handle is closed or the process ends."""
    try:
        fcntl.flock(handle, how)
    except OSError:  # someone else's, or a file system without (NFS locks no folder)
        return False
    return True

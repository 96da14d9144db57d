"""The files of an index and how they are written so that a crash leaves old or new, never half."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.refused import refused

_ASK = "`mrl-search check INDEX` says what can be mended"


class FileRecord(NamedTuple):
    """Size and digest of a committed file."""

    size: int
    sha256: str


class Segment(NamedTuple):
    """A committed segment: its number (never used twice), its rows, deleted ones too, and its files.

    codec: the factory string of its prefix index; empty in format 1, where it is the manifest's.
    """

    number: int
    documents: int
    vectors: FileRecord
    prefix: FileRecord
    codec: str = ""

    def checked(self, rows: list[int]) -> list[int]:
        """The same rows, ascending as a catalog gives them. Raises IndexStoreError unless the segment has them all."""
        wrong = [row for row in (*rows[:1], *rows[-1:]) if not (isinstance(row, int) and 0 <= row < self.documents)]
        if wrong:  # SQLite orders numbers before all else, so the ends tell
            raise IndexStoreError(
                f"the catalog speaks of row {wrong[0]!r} of segment {self.number}, which has {self.documents:,}; "
                "build the index again"
            )
        return rows


@dataclass(frozen=True)
class Layout:
    """Where an index keeps its parts; `indexes/README.md` specifies them."""

    folder: Path

    @property
    def catalog(self) -> Path:
        """The SQLite file: documents, segments, manifest; the only commit point."""
        return self.folder / "index.sqlite"

    @property
    def segments(self) -> Path:
        """The folder of segment folders."""
        return self.folder / "segments"

    def segment(self, number: int) -> Path:
        """The folder of one segment; immutable once committed."""
        return self.segments / f"{number:06d}"

    def vectors(self, number: int) -> Path:
        """The (n, D) vectors of a segment."""
        return self.segment(number) / "vectors.npy"

    def rotation(self, number: int) -> Path:
        """The (D, D) rotation that was fitted when the segment was made; other segments may share it."""
        return self.segment(number) / "rotation.npy"

    def sketches(self, number: int) -> Path:
        """The (n, width) sketches of a segment's vectors, if it has them."""
        return self.segment(number) / "sketches.npy"

    def bounds(self, number: int) -> tuple[Path, Path, Path]:
        """The axes, the first look and the second look of a segment's bounds, if it has them."""
        axes, near, far = (self.segment(number) / f"bounds-{part}.npy" for part in ("axes", "near", "far"))
        return axes, near, far

    def positions(self, number: int) -> Path:
        """Where a segment's rows stand in the cluster that the index is a shard of, if it is one."""
        return self.segment(number) / "positions.i64"

    def prefix(self, number: int) -> Path:
        """The FAISS index over the segment's prefixes."""
        return self.segment(number) / "prefix.faiss"


def verify(path: Path, record: FileRecord, *, digest: bool = False) -> None:
    """Raises IndexStoreError unless the file has the size (and the digest) that was committed."""
    try:
        there = path.lstat()  # what a link leads to is another's
        if not stat.S_ISREG(there.st_mode):  # opening a pipe would wait for its other end
            raise IndexStoreError(f"{path} is not a file; {_ASK}")
        size = there.st_size
        if size == record.size and digest:
            with path.open("rb") as file:  # a writer may have removed it by now
                found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise IndexStoreError(f"{path} is missing; {_ASK}") from error
    except OSError as error:
        raise IndexStoreError(f"{path} cannot be read: {error.strerror or error}") from error
    if size != record.size:
        raise IndexStoreError(f"{path} has {size} bytes, {record.size} were committed; {_ASK}")
    if digest and found != record.sha256:
        raise IndexStoreError(f"{path} is damaged (its sha256 is not the committed one); {_ASK}")


def demand_no_links(layout: Layout) -> None:
    """Raises IndexStoreError for a link where an index keeps files of its own: what is written would go elsewhere.

    The folder itself may be reached by one. SQLite's and the owner's files are opened by names that are known before.
    """
    there = list(layout.folder.iterdir()) if layout.folder.is_dir() else []
    if layout.segments in there and not layout.segments.is_symlink():
        there += layout.segments.iterdir()
    for path in there:
        if path.is_symlink():
            raise IndexStoreError(f"{path} is a link; an index keeps its own files; replace it by what it names")


def write_durably(path: Path, chunks: Iterable[bytes]) -> FileRecord:
    """Writes the chunks to a new file and to the disk behind it; returns what was written.

    Raises OSError (disk full, no permission); the file may then be there in part.
    """
    digest = hashlib.sha256()
    size = 0
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return FileRecord(size, digest.hexdigest())


def record_of(path: Path) -> FileRecord:
    """Size and digest of a file as it is, after forcing it to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(path.stat().st_size, digest)


def sync_folder(folder: Path) -> None:
    """Forces the names in a folder to the disk; a rename is durable only after this."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def orphans(layout: Layout, keep: set[int]) -> list[Path]:
    """Segment folders, names of digits only, that are not among those; what others put there is not ours to judge."""
    kept = {layout.segment(number).name for number in keep}
    folders = layout.segments.iterdir() if layout.segments.is_dir() else iter(())
    return sorted(folder for folder in folders if folder.name.isdigit() and folder.name not in kept)


def sweep(layout: Layout, keep: set[int]) -> None:
    """Removes what no commit knows, while the write lock is held. Open readers keep the files they have mapped."""
    for folder in orphans(layout, keep):
        with contextlib.suppress(FileNotFoundError):  # whoever committed last removes it, too, and holds no lock then
            shutil.rmtree(folder)


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turns what the disk or SQLite refuses into one clear error."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        told = refused(error, folder)
        raise IndexStoreError(f"the index in {folder} could not be written: {told}; nothing was committed") from error

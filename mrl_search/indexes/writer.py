"""Writing an index: documents first, then vectors, then one commit."""

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from mrl_search.adapter import Adapter
from mrl_search.document import Document, has_surrogate
from mrl_search.errors import IndexStoreError
from mrl_search.hits import Rows
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.codecs import Codec
from mrl_search.indexes.kept_adapter import drop, keep
from mrl_search.indexes.layout import FileRecord, Layout, Segment, explained, sweep, sync_folder
from mrl_search.indexes.manifest import AdapterRecord, Manifest, RotationRecord, SketchRecord
from mrl_search.indexes.positions import write_positions
from mrl_search.indexes.postings import write_stored_words
from mrl_search.indexes.segment_files import SegmentFiles
from mrl_search.indexes.stored import packed
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors


class IndexWriter:
    """Writes a whole index into a folder, in the place of the one there if `replace`.

    A context manager: unless `commit` was reached, leaving it leaves the folder
    as it was found, and after a kill the next writer sweeps what was left.
    Raises IndexStoreError when the folder is taken, in use, or cannot be written.
    """

    def __init__(self, folder: Path, *, replace: bool = False) -> None:
        self._layout = Layout(folder)
        self._replace = replace
        self._catalog: Catalog | None = None
        self._replaced: set[int] = set()
        self._segment = 0
        self._count = 0
        self._is_new = False

    def __enter__(self) -> Self:
        folder = self._layout.folder
        _refuse_foreign(self._layout)
        with explained(folder):
            self._is_new = _made(folder)
            try:
                self._catalog = Catalog.write(self._layout.catalog)
                self._begin()
            except BaseException:
                self._leave()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def __len__(self) -> int:
        return self._count

    def add(self, document: Document) -> bool:
        """Adds the next document; False, and nothing added, if its id is taken (see `row_of`)."""
        with explained(self._layout.folder):
            added = self._open.add(self._segment, self._count, document)
        self._count += added
        return added

    def row_of(self, document_id: str) -> int:
        """The row of a document that was added."""
        return self._open.row_of(document_id)

    def documents(self) -> Iterator[Document]:
        """The documents added so far, in row order, streamed from the disk."""
        return self._open.documents(self._segment)

    def write_words(self, told: Callable[[int], object]) -> None:
        """Writes the words of the documents added so far; told: see `postings.write_words`."""
        with explained(self._layout.folder):
            write_stored_words(self._open.connection, self._segment, self._count, told)

    def write_vectors(self, blocks: Iterator[Vectors], dim: int, dtype: str) -> None:
        """Writes vectors.npy from blocks of float32 rows that follow the documents' order and number."""
        with explained(self._layout.folder):
            rows = (packed(block, dtype) for block in blocks)
            self._vectors_record = self._files.write_vectors(rows, self._count, dim, dtype)

    def write_rotation(self, rotation: Rotation | None, why: str) -> RotationRecord:
        """Writes rotation.npy, if there is one; the record is for the manifest. The vectors must come rotated."""
        with explained(self._layout.folder):
            return self._files.write_rotation(rotation, why)

    def write_adapter(self, adapter: Adapter | None) -> AdapterRecord | None:
        """Keeps the adapter, if there is one; the record is for the manifest. The vectors must come adapted."""
        with explained(self._layout.folder):
            return keep(self._open, adapter)

    def write_positions(self, positions: Rows) -> None:
        """Writes where the documents stand in the cluster that this index is to be a shard of."""
        with explained(self._layout.folder):
            write_positions(self._layout, self._segment, positions)

    def write_prefix(self, dim: int, codec: Codec) -> None:
        """Builds prefix.faiss from the vectors just written. Raises IndexStoreError if FAISS cannot read it again."""
        with explained(self._layout.folder):
            self._prefix_record: FileRecord = self._files.write_prefix(dim, codec)

    def write_sketches(self) -> SketchRecord:
        """Writes sketches.npy from the vectors just written; the record is for the manifest."""
        with explained(self._layout.folder):
            return self._files.write_sketches()

    def commit(self, manifest: Manifest) -> None:
        """Makes the new index the one that readers find."""
        segment = Segment(self._segment, self._count, self._vectors_record, self._prefix_record)
        with explained(self._layout.folder):
            self._files.sync()
            self._open.finish_segment(segment)
            self._open.commit(manifest)
        # It is committed; what cannot be tidied now, the next build will.
        with contextlib.suppress(OSError, sqlite3.Error):
            self._open.tidy()
            sync_folder(self._layout.folder.parent)
            for number in self._replaced:  # no more than these: the next writer may be at work already
                shutil.rmtree(self._layout.segment(number), ignore_errors=True)

    @property
    def _open(self) -> Catalog:
        """The catalog, inside the `with` block."""
        assert self._catalog is not None
        return self._catalog

    def _begin(self) -> None:
        committed = self._open.manifest()
        if committed is not None and not self._replace:
            raise IndexStoreError(
                f"{self._layout.folder} already holds an index of {committed.documents} documents; "
                "--force replaces it, --index DIR builds elsewhere"
            )
        self._layout.segments.mkdir(exist_ok=True)
        self._replaced = self._open.folders(committed)
        sweep(self._layout, self._replaced)
        self._open.clear()
        drop(self._open)
        self._segment = self._open.new_segment()
        self._files = SegmentFiles(self._layout, self._segment)

    def _leave(self) -> None:
        """Ends the transaction; if it was not committed, first removes what it wrote, while the lock is still ours.

        Whether it was committed is asked of SQLite: an interrupt can arrive when
        COMMIT has just returned and no line of ours has noted it yet.
        """
        if self._catalog is None:
            if self._is_new:
                with contextlib.suppress(OSError):  # another process may be building here by now
                    self._layout.folder.rmdir()
            return
        try:
            if self._catalog.is_pending and self._segment:
                shutil.rmtree(self._layout.segment(self._segment), ignore_errors=True)
            if self._catalog.is_pending and self._is_new and self._catalog.manifest() is None:
                shutil.rmtree(self._layout.folder, ignore_errors=True)
        finally:
            self._catalog.close()


def _refuse_foreign(layout: Layout) -> None:
    """Raises IndexStoreError for a folder with things in it that are not an index's: nobody's files are swept."""
    folder = layout.folder
    if has_surrogate(str(folder)):
        raise IndexStoreError(f"the folder name {str(folder)!r} is not UTF-8; name another with --index DIR")
    if folder.exists() and not folder.is_dir():
        raise IndexStoreError(f"{folder} is a file; --index names a folder")
    if folder.is_dir() and not layout.catalog.exists() and any(folder.iterdir()):
        raise IndexStoreError(
            f"{folder} is not empty and holds no index; empty it, or name another folder with --index DIR"
        )


def _made(folder: Path) -> bool:
    """Makes the folder; False if it is there. Of two processes that ask at once, one is told True."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True

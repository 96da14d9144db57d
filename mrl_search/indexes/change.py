"""Changing an index that is there: documents come and go, segments are written anew, one commit."""

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mrl_search.adapter import Adapter
from mrl_search.document import Document
from mrl_search.hits import Rows
from mrl_search.indexes.amend import write_bounds
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.changes import Changes
from mrl_search.indexes.codecs import EXACT, Codec, chosen_codec
from mrl_search.indexes.fields import demand_fields
from mrl_search.indexes.filters import Condition
from mrl_search.indexes.kept_adapter import read_adapter
from mrl_search.indexes.layout import Layout, Segment, explained, sweep, verify
from mrl_search.indexes.manifest import Manifest
from mrl_search.indexes.merging import carried
from mrl_search.indexes.positions import read_positions, write_positions
from mrl_search.indexes.postings import write_stored_words
from mrl_search.indexes.reader import committed, read_rotation
from mrl_search.indexes.segment_files import SegmentFiles
from mrl_search.indexes.stored import StoredVectors, map_vectors, packed
from mrl_search.indexes.sums import demand_whole
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors

_COPIED = 16_384  # rows at a time
_WORTH_A_CODEC = 10_000  # documents; a codec that somebody named needs rows to learn from


class Turned(NamedTuple):
    """Another rotation than the one the vectors were stored with: how they get there, and what is written down."""

    rotation: Rotation | None
    why: str
    turn: Callable[[Vectors], Vectors]
    """(n, D) unit rows in the old axes to rows in the new ones."""


class Anew(NamedTuple):
    """What a segment of all documents is written with, if that is not what the index has."""

    turned: Turned | None = None
    codec: Codec | None = None


class IndexChange:
    """One change of an index; a context manager that holds the write lock.

    Unless `commit` was reached, leaving it leaves the index as it was; after a kill the next writer sweeps what was
    left. Readers that are open keep their snapshot, and the files they have mapped.
    Raises IndexStoreError where there is no index, it contradicts itself, or another process writes to it.
    """

    def __init__(self, folder: Path) -> None:
        self._layout = Layout(folder)
        self._number = 0
        self._incoming = 0
        self._gone: list[int] = []

    def __enter__(self) -> Self:
        Catalog.read(self._layout.catalog).close()  # else `write` would make one
        with explained(self._layout.folder):
            self._catalog = Catalog.write(self._layout.catalog)
            try:
                self.manifest, self._segments = committed(self._catalog, self._layout)
                sweep(self._layout, self._catalog.folders(self.manifest))
                self._rotated_by = self.manifest.rotation.segment if self.manifest.rotation is not None else 0
                self.changes = Changes(self._catalog)
            except BaseException:
                self._catalog.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._catalog.is_pending and self._number:  # asked of SQLite: an interrupt can arrive as COMMIT returns
                shutil.rmtree(self._layout.segment(self._number), ignore_errors=True)
        finally:
            self._catalog.close()

    @property
    def incoming(self) -> int:
        """How many documents came in."""
        return self._incoming

    def put(self, document: Document) -> bool:
        """Adds a document in the place of one with its id; False, and nothing done, if that came in before."""
        with explained(self._layout.folder):
            came = self.changes.put(self._incoming, document)
        self._incoming += came
        return came

    def remove(self, ids: Iterable[str]) -> list[str]:
        """Removes the documents of these ids; returns those that are no document's."""
        with explained(self._layout.folder):
            return self.changes.remove(ids)

    def remove_where(self, condition: Condition) -> None:
        """Removes the documents that a filter passes. Raises FilterError for a field that no document has."""
        demand_fields(self._catalog.read_rows, condition)
        with explained(self._layout.folder):
            for segment in self._segments:
                demand_whole(self._catalog.read_rows, segment.number, self.changes.live(segment))
            self.changes.remove_where(condition)

    def rotation(self) -> Rotation | None:
        """What all stored vectors are rotated by."""
        return read_rotation(self._layout, self.manifest)

    def adapter(self) -> Adapter | None:
        """What the encoder's vectors pass through before they are rotated."""
        return read_adapter(self._catalog, self.manifest)

    def merged(self) -> list[Segment]:
        """The segments that are written anew with what came in, by `carried`."""
        sizes = [self.changes.live(segment) for segment in self._segments]
        bytes_each = self._layout.catalog.stat().st_size // max(1, sum(sizes))
        count = carried(sizes, self._incoming, bytes_each)
        return list(self._segments[len(sizes) - count :])

    @property
    def segments(self) -> list[Segment]:
        """All segments, as they were."""
        return list(self._segments)

    def units(self, segments: Sequence[Segment]) -> Iterator[Vectors]:
        """The vectors of these segments' documents in order, of unit length, some thousands at a time."""
        for vectors, rows in self._read(segments):
            yield vectors.take(rows, vectors.dim)

    def write(
        self, old: Sequence[Segment], new: Iterable[Vectors], anew: Anew | None = None, positions: Rows | None = None
    ) -> None:
        """Writes one segment of the old ones' documents, copied, and of what came in.

        old: the last segments, or all. new: blocks of float32 rows in the stored axes, in step with what came in.
        anew: what is to be other than it was; then old must be all segments.
        positions: of what came in, in a cluster. Without them, a shard that is added to is one no more.
        """
        manifest, anew = self.manifest, anew or Anew()
        count = sum(map(self.changes.live, old)) + self._incoming
        with explained(self._layout.folder):
            self._number = self._catalog.new_segment()
            files = SegmentFiles(self._layout, self._number)
            if anew.turned is None:
                copied: Iterator[NDArray[Any]] = (vectors.raw(rows) for vectors, rows in self._read(old))
            else:
                turn = anew.turned.turn
                copied = (packed(turn(block), manifest.dtype) for block in self.units(old))
            self.manifest = self._with_rotation(files, old, anew.turned)
            segment = None
            if count:
                rows = chain(copied, (packed(block, manifest.dtype) for block in new))
                vectors = files.write_vectors(rows, count, manifest.dim, manifest.dtype)
                codec = anew.codec or self._codec(count, is_whole=len(old) == len(self._segments))
                prefix = files.write_prefix(manifest.prefix_dim, codec)
                segment = Segment(self._number, count, vectors, prefix, codec.factory)
                self._write_positions(old, positions)
            self._settle(files, old, segment)

    def commit(self, manifest: Manifest) -> tuple[int, int]:
        """Makes the change true, then removes the folders of segments that it wrote anew.

        Returns how many rows, deleted ones too, and how many segments there are now.
        """
        with explained(self._layout.folder):
            segments = self._catalog.segments()
            self._catalog.commit(manifest)
        with contextlib.suppress(OSError, sqlite3.Error):  # it is committed; the next writer sweeps
            for number in self._gone:
                shutil.rmtree(self._layout.segment(number), ignore_errors=True)
        return sum(segment.documents for segment in segments), len(segments)

    def tidy(self) -> None:
        """Gives the catalog's free space back to the disk, after `commit`."""
        with contextlib.suppress(sqlite3.Error):
            self._catalog.tidy()

    def _settle(self, files: SegmentFiles, old: Sequence[Segment], segment: Segment | None) -> None:
        """What was written, in the catalog and the manifest."""
        numbers, whole = [one.number for one in old], len(old) == len(self._segments)
        manifest = self.manifest
        if manifest.sketches is not None and manifest.sketches.segment in numbers:
            manifest = replace(manifest, sketches=None)
        if manifest.bounds is not None and manifest.bounds.segment in numbers:
            bounds = write_bounds(self._layout, manifest, segment) if segment is not None and whole else None
            manifest = replace(manifest, bounds=bounds)
        if segment is not None and whole:
            codec = Codec(segment.codec)
            if codec.is_refined and len(manifest.dims) == 2:
                manifest = replace(manifest, sketches=files.write_sketches())
            if codec.factory != manifest.prefix and manifest.tuned is not None:
                manifest = replace(manifest, tuned=None)
            manifest = replace(manifest, prefix=codec.factory)
        files.sync()
        moved = self.changes.settle(self._number, numbers)
        if segment is not None:
            assert moved == segment.documents
            self._catalog.finish_segment(segment)
            write_stored_words(self._catalog.connection, segment.number, segment.documents)
        else:
            self._catalog.connection.execute("DELETE FROM segments WHERE number = ?", (self._number,))
        self.manifest = manifest
        kept = self._catalog.folders(manifest)
        rotated = [self._rotated_by] if self._rotated_by else []  # its segment may have gone before
        self._gone = [number for number in [*numbers, *rotated, self._number] if number not in kept]

    def _write_positions(self, old: Sequence[Segment], incoming: Rows | None) -> None:
        """Those of the old segments' documents and of what came in, if all are known."""
        parts = [read_positions(self._layout, [segment]) for segment in old]
        if incoming is None and not self._incoming:
            incoming = np.empty(0, np.int64)
        if incoming is None or not (len(incoming) or parts):
            return
        known = [incoming]
        for segment, part in zip(reversed(old), reversed(parts), strict=True):
            if part is None:
                return
            known.insert(0, part[self.changes.live_rows(segment)])
        write_positions(self._layout, self._number, np.concatenate(known))

    def _with_rotation(self, files: SegmentFiles, old: Sequence[Segment], turned: Turned | None) -> Manifest:
        """The manifest, whose rotation lies in a folder that stays."""
        record = self.manifest.rotation
        if turned is not None:
            return replace(self.manifest, rotation=files.write_rotation(turned.rotation, turned.why))
        whole = len(old) == len(self._segments)
        if record is None or record.kind == "none" or not (whole or record.segment in [one.number for one in old]):
            return self.manifest
        return replace(self.manifest, rotation=files.write_rotation(self.rotation(), record.why))

    def _read(self, segments: Sequence[Segment]) -> Iterator[tuple[StoredVectors, Rows]]:
        """The vectors of each segment, and its documents' rows in order, some thousands at a time."""
        for segment in segments:
            rows = np.array(self.changes.live_rows(segment), np.int64)
            path = self._layout.vectors(segment.number)
            vectors = map_vectors(path, segment.documents, self.manifest.dim, self.manifest.dtype)
            if vectors.sums is None:  # of an older version: what is copied gets sums of its own
                verify(path, segment.vectors, digest=True)
            for first in range(0, len(rows), _COPIED):
                yield vectors, rows[first : first + _COPIED]
                vectors.release()

    def _codec(self, count: int, *, is_whole: bool) -> Codec:
        """Of a segment of so many documents: what `--prefix auto` takes, or what was asked for when it was built.

        Whether something was asked for is seen by the largest segment: it has another codec than its size would give.
        Small segments beside it are exact: a codec needs rows to learn from.
        """

        def auto(count: int) -> Codec:
            dims = self.manifest.dims
            return chosen_codec(count, dims[0]) if len(dims) > 1 else Codec(EXACT)  # what nothing reranks is exact

        largest = max(self._segments, key=lambda segment: segment.documents, default=None)
        if largest is None:
            return auto(count)
        factory = largest.codec or self.manifest.prefix
        if auto(largest.documents).factory == factory:
            return auto(count)
        return Codec(factory) if is_whole or count >= min(_WORTH_A_CODEC, largest.documents) else Codec(EXACT)

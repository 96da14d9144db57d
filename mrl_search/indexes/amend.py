"""Adding to an index that is there: files no reader has known so far, and a manifest that names them."""

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.axes import principal
from mrl_search.indexes.bounds import far_blocks, far_shape, near_blocks, near_shape
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.index import not_whole
from mrl_search.indexes.layout import FileRecord, Layout, Segment, sync_folder, write_durably
from mrl_search.indexes.manifest import BoundsRecord, Calibration, Manifest
from mrl_search.indexes.postings import segments_with_words, write_stored_words
from mrl_search.indexes.reader import committed
from mrl_search.indexes.refused import refused
from mrl_search.indexes.stored import StoredVectors, array_file, header, map_vectors, packed


@contextlib.contextmanager
def _amending(folder: Path) -> Iterator[tuple[Catalog, Manifest, list[Segment]]]:
    """The write lock on an index, what it says of itself and its segments; unless something is committed, all stays.

    Raises IndexStoreError where there is no index, another process writes to it, or the disk refuses.
    """
    Catalog.read(Layout(folder).catalog).close()  # else `write` would make one
    try:
        catalog = Catalog.write(Layout(folder).catalog)
        try:
            manifest, segments = committed(catalog, Layout(folder))
            yield catalog, manifest, list(segments)
        finally:
            catalog.close()
    except (OSError, sqlite3.Error) as error:
        raise IndexStoreError(
            f"the index in {folder} could not be written: {refused(error, folder)}; it is what it was"
        ) from error


def add_calibration(folder: Path, calibration: Calibration, seen: tuple[int, Sequence[Segment]] | None = None) -> None:
    """Commits a calibration, in the place of one for the same recall, confidence and k. Raises as `_amending`.

    seen: how many documents in which segments it was made with; raises IndexStoreError if they are others now.
    """
    with _amending(folder) as (catalog, manifest, segments):
        if seen is not None and (manifest.documents, segments) != (seen[0], list(seen[1])):
            raise IndexStoreError(f"documents of {folder} came or went while it was calibrated; calibrate it again")
        catalog.commit(manifest.calibrated(calibration))


def add_words(folder: Path, told: Callable[[int], object]) -> None:
    """Writes and commits the words of all segments that have none, as those of older versions; raises as `_amending`.

    told: see `postings.write_words`.
    """
    with _amending(folder) as (catalog, manifest, segments):
        catalog.upgrade()  # only texts with checksums are indexed
        known = segments_with_words(catalog.connection)
        for segment in segments:
            if segment.number not in known:
                write_stored_words(catalog.connection, segment.number, segment.documents, told)
        catalog.commit(manifest)


def add_bounds(folder: Path) -> BoundsRecord:
    """Writes and commits upper bounds of an index's vectors, unless it has them; reads all vectors twice.

    Raises as `_amending`, and where there are several segments.
    """
    layout = Layout(folder)
    with _amending(folder) as (catalog, manifest, segments):
        if manifest.bounds is not None:
            return manifest.bounds
        if len(segments) != 1:
            raise not_whole(len(segments), sum(one.documents for one in segments) - manifest.documents)
        segment = segments[0]
        paths = layout.bounds(segment.number)
        try:
            record = write_bounds(layout, manifest, segment)
            catalog.commit(dataclasses.replace(manifest, bounds=record))
        finally:
            if catalog.is_pending:  # asked of SQLite: an interrupt can arrive as COMMIT returns
                for path in paths:
                    path.unlink(missing_ok=True)
    return record


def write_bounds(layout: Layout, manifest: Manifest, segment: Segment) -> BoundsRecord:
    """Writes the files of a segment's bounds; what is there no commit knows of, or it is damaged."""
    paths = layout.bounds(segment.number)
    vectors = map_vectors(layout.vectors(segment.number), segment.documents, manifest.dim, manifest.dtype)
    for path in paths:
        path.unlink(missing_ok=True)
    record = _written(paths, dataclasses.replace(vectors, lets_go=True), segment.number)
    sync_folder(layout.segment(segment.number))
    return record


def _written(paths: tuple[Path, Path, Path], vectors: StoredVectors, segment: int) -> BoundsRecord:
    axes = principal(vectors)
    count = len(vectors)

    many, dim = axes.matrix.shape
    matrix = iter([header(many, dim, "float32"), packed(axes.matrix, "float32").tobytes()])
    near = array_file(near_blocks(vectors, axes), *near_shape(axes, count), "uint8")
    far = array_file(far_blocks(vectors, axes), *far_shape(axes, count), "uint8")
    records: list[FileRecord] = [
        write_durably(path, parts) for path, parts in zip(paths, (matrix, near, far), strict=True)
    ]
    sizes, digests = zip(*records, strict=True)
    return BoundsRecord(segment, sizes, digests, tuple(axes.means.tolist()), tuple(axes.deviations.tolist()))

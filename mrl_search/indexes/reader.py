"""Opening an index that was built."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mrl_search.errors import IndexStoreError, RotationError
from mrl_search.indexes.ahead import load_kernels_ahead
from mrl_search.indexes.axes import Axes
from mrl_search.indexes.bounds import Bounds, far_shape, near_shape
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.index import VectorIndex
from mrl_search.indexes.kept_adapter import read_adapter
from mrl_search.indexes.layout import FileRecord, Layout, Segment, verify
from mrl_search.indexes.manifest import Manifest
from mrl_search.indexes.prefix import PrefixIndex, read_prefix
from mrl_search.indexes.schema import LIVING
from mrl_search.indexes.segmented import SegmentedIndex
from mrl_search.indexes.sketches import Levels, Sketches, sketch_width
from mrl_search.indexes.snapshot import Prefixes, StoredIndex
from mrl_search.indexes.stored import map_vectors
from mrl_search.rotation import Rotation


def open_index(folder: Path, beside: StoredIndex | None = None) -> StoredIndex:
    """Opens the committed state of an index; it stays what it is while others write.

    The sizes of all files and the digest of the FAISS file are verified before
    anything is read from them; vectors are only mapped, and each row is verified when it is first read.
    beside: another state that is open; of segments that both have nothing is read, or compared, again.
    Raises IndexStoreError when something is missing, damaged, or of another format.
    """
    load_kernels_ahead()
    seen: tuple[Manifest, tuple[Segment, ...]] | None = None
    while True:
        try:
            return _open(folder, beside)
        except IndexStoreError:
            # A writer may have replaced the index, and swept its files, after we had read their names.
            now = read_manifest(folder)
            if now == seen:
                raise
            seen = now


def _open(folder: Path, beside: StoredIndex | None) -> StoredIndex:
    layout, known = Layout(folder), beside.prefixes if beside is not None else {}
    catalog = Catalog.read(layout.catalog)
    try:
        manifest, segments = committed(catalog, layout)
        rotation, adapter = read_rotation(layout, manifest), read_adapter(catalog, manifest)
        prefixes = {_prefixes_of(manifest, one): _read_prefixes(layout, manifest, one, known) for one in segments}
        indexes = [
            _segment(layout, manifest, one, prefixes[_prefixes_of(manifest, one)], catalog.tombstones(one.number))
            for one in segments
        ]
    except BaseException:
        catalog.close()
        raise
    together = _together(indexes, manifest, segments)
    vouched = beside.vouched & {*segments} if beside is not None else set()
    return StoredIndex(folder, manifest, segments, together, catalog, rotation, adapter, prefixes, vouched)


def _together(indexes: list[VectorIndex], manifest: Manifest, segments: Sequence[Segment]) -> VectorIndex:
    """One index; a single segment's is itself."""
    if len(indexes) == 1:
        return indexes[0]
    return SegmentedIndex(indexes, [one.documents for one in segments], manifest.prefix_dim, manifest.dim)


def _prefixes_of(manifest: Manifest, segment: Segment) -> tuple[FileRecord, int, int]:
    return segment.prefix, segment.documents, manifest.prefix_dim


def _read_prefixes(layout: Layout, manifest: Manifest, segment: Segment, known: Prefixes) -> PrefixIndex:
    """A segment's verified prefixes: those known by its file's digest, or read."""
    found = known.get(_prefixes_of(manifest, segment))
    path = layout.prefix(segment.number)
    verify(path, segment.prefix, digest=found is None)
    return read_prefix(path, segment.documents, manifest.prefix_dim) if found is None else found


def _segment(
    layout: Layout, manifest: Manifest, segment: Segment, prefixes: PrefixIndex, dead: list[int]
) -> VectorIndex:
    """The verified files of one segment, of which some rows are dead."""
    verify(layout.vectors(segment.number), segment.vectors)
    vectors = map_vectors(layout.vectors(segment.number), segment.documents, manifest.dim, manifest.dtype)
    if manifest.tuned is not None and manifest.tuned.probes is not None:
        prefixes = prefixes.with_probes(manifest.tuned.probes)
    sketches, bounds = _read_sketches(layout, manifest, segment), _read_bounds(layout, manifest, segment)
    index = VectorIndex(vectors, prefixes, sketches, bounds)
    if not dead:
        return index
    live = np.ones(segment.documents, np.bool_)
    live[segment.checked(dead)] = False
    return index.among(live)


def read_rotation(layout: Layout, manifest: Manifest) -> Rotation | None:
    """The verified rotation of all vectors, if there is one. Raises IndexStoreError."""
    record = manifest.rotation
    if record is None or record.kind == "none":
        return None
    path = layout.rotation(record.segment)
    verify(path, FileRecord(record.size, record.sha256), digest=True)
    matrix = map_vectors(path, manifest.dim, manifest.dim, "float32").data
    try:
        return Rotation(np.array(matrix), record.kind, max(manifest.dims[:-1], default=0))
    except RotationError as error:
        raise IndexStoreError(f"{path}: {error}") from error


def _read_sketches(layout: Layout, manifest: Manifest, segment: Segment) -> Sketches | None:
    record = manifest.sketches
    if record is None or record.segment != segment.number:
        return None
    path = layout.sketches(record.segment)
    verify(path, FileRecord(record.size, record.sha256))
    mapped = map_vectors(path, segment.documents, sketch_width(manifest.dim), "uint8")
    levels = Levels(np.array(record.lows, np.float32), np.array(record.steps, np.float32))
    return Sketches(mapped.data, levels, mapped.residence, mapped.sums)


def _read_bounds(layout: Layout, manifest: Manifest, segment: Segment) -> Bounds | None:
    record = manifest.bounds
    if record is None or record.segment != segment.number:
        return None
    paths = layout.bounds(record.segment)
    for path, size, sha256 in zip(paths, record.sizes, record.sha256, strict=True):
        verify(path, FileRecord(size, sha256), digest=path == paths[0])
    matrix = np.array(map_vectors(paths[0], len(record.means), manifest.dim, "float32").data)
    axes = Axes(matrix, np.array(record.means), np.array(record.deviations))
    shapes = near_shape(axes, segment.documents), far_shape(axes, segment.documents)
    near, far = (map_vectors(path, *shape, "uint8") for path, shape in zip(paths[1:], shapes, strict=True))
    return Bounds(axes, near.data, far.data, tuple(one.sums for one in (near, far) if one.sums is not None))


def read_manifest(folder: Path) -> tuple[Manifest, tuple[Segment, ...]]:
    """The committed manifest and segments of an index, without opening its vectors."""
    layout = Layout(folder)
    catalog = Catalog.read(layout.catalog)
    try:
        return committed(catalog, layout)
    finally:
        catalog.close()


def stamp_of(folder: Path) -> object:
    """What is committed, as it stands there, unread: equal only while nothing else is. Takes a tenth of reading it."""
    catalog = Catalog.read(Layout(folder).catalog)
    try:
        return [list(catalog.read_rows(f"SELECT * FROM {table}")) for table in ("manifest", "segments")]  # noqa: S608
    finally:
        catalog.close()


def committed(catalog: Catalog, layout: Layout) -> tuple[Manifest, tuple[Segment, ...]]:
    """What a catalog says of its index. Raises IndexStoreError unless something is committed, and its counts agree."""
    manifest = catalog.manifest()
    if manifest is None:
        raise IndexStoreError(f"nothing is committed in {layout.folder}: the build that made it must be run again")
    segments = tuple(catalog.segments())
    living = catalog.format >= LIVING
    rows = sum(segment.documents for segment in segments)
    dead = catalog.deaths() if living else 0
    if (len(segments) != 1 and not living) or rows - dead != manifest.documents:
        raise IndexStoreError(
            f"the manifest in {layout.folder} contradicts itself: {manifest.documents:,} documents in {rows:,} rows of "
            f"{len(segments)} segments, {dead:,} of them deleted; build the index again"
        )
    catalog.demand_sealed()
    return manifest, segments


def verify_index(folder: Path) -> None:
    """Reads every file of an index to its end. Raises IndexStoreError unless each is what was committed."""
    layout = Layout(folder)
    manifest, segments = read_manifest(folder)
    read_rotation(layout, manifest)
    for path, record in files_of(layout, manifest, segments):
        verify(path, record, digest=True)


def files_of(layout: Layout, manifest: Manifest, segments: Sequence[Segment]) -> Iterator[tuple[Path, FileRecord]]:
    """Every committed file but the catalog and the rotation, and what it must be."""
    for segment in segments:
        yield layout.vectors(segment.number), segment.vectors
        yield layout.prefix(segment.number), segment.prefix
    if (sketches := manifest.sketches) is not None:
        yield layout.sketches(sketches.segment), FileRecord(sketches.size, sketches.sha256)
    if (bounds := manifest.bounds) is not None:
        yield from zip(layout.bounds(bounds.segment), map(FileRecord, bounds.sizes, bounds.sha256), strict=True)

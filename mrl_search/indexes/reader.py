"""Opening an index that was built."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrl_search.document import Document
from mrl_search.errors import IndexStoreError, RotationError, VectorsError
from mrl_search.indexes.ahead import load_kernels_ahead
from mrl_search.indexes.axes import Axes
from mrl_search.indexes.bounds import Bounds, far_shape, near_shape
from mrl_search.indexes.catalog import Catalog, Segment
from mrl_search.indexes.index import VectorIndex
from mrl_search.indexes.layout import FileRecord, Layout
from mrl_search.indexes.manifest import Manifest
from mrl_search.indexes.prefix import read_prefix
from mrl_search.indexes.sketches import Levels, Sketches, sketch_width
from mrl_search.indexes.stored import map_vectors
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors


@dataclass(frozen=True)
class StoredIndex:
    """An index on disk, opened: what it says of itself, its vectors, its documents."""

    folder: Path
    manifest: Manifest
    segment: Segment
    vectors: VectorIndex
    catalog: Catalog
    rotation: Rotation | None

    def turned(self, queries: Vectors) -> Vectors:
        """(q, D) queries in the axes of the stored vectors, at the length they have: what `vectors` must be asked with.

        Raises VectorsError for fewer dims, if the index is rotated.
        """
        if self.rotation is None:
            return queries
        if queries.shape[1] < self.rotation.dim:
            raise VectorsError(
                f"the queries have {queries.shape[1]} dims; this index is rotated and needs {self.rotation.dim}"
            )
        return self.rotation.apply(queries[:, : self.rotation.dim])

    def documents(self, rows: Sequence[int]) -> dict[int, Document]:
        """The documents at those rows, by row."""
        return self.catalog.fetch(self.segment.number, rows)

    def ids(self, rows: Sequence[int]) -> dict[int, str]:
        """The ids at those rows, by row."""
        return self.catalog.ids(self.segment.number, rows)

    def close(self) -> None:
        """Ends the snapshot."""
        self.catalog.close()


class BytesPerDocument(NamedTuple):
    """What an index takes, divided by its documents; all but `ram` (prefix index and rotation) is on disk."""

    ram: float
    vectors: float
    prefix: float
    rotation: float
    sketches: float
    bounds: float
    catalog: float

    @property
    def disk(self) -> float:
        """All files together."""
        return self.vectors + self.prefix + self.rotation + self.sketches + self.bounds + self.catalog


def open_index(folder: Path) -> StoredIndex:
    """Opens the committed state of an index; it stays what it is while others write.

    The sizes of all files and the digest of the FAISS file are verified before
    anything is read from them; the vectors are only mapped.
    Raises IndexStoreError when something is missing, damaged, or of another format.
    """
    load_kernels_ahead()
    seen: Segment | None = None
    while True:
        try:
            return _open(folder)
        except IndexStoreError:
            # A writer may have replaced the index, and swept its files, after we had read their names.
            _, now = read_manifest(folder)
            if now == seen:
                raise
            seen = now


def _open(folder: Path) -> StoredIndex:
    layout = Layout(folder)
    catalog = Catalog.read(layout.catalog)
    try:
        manifest, segment = _committed(catalog, layout)
        _verify(layout.vectors(segment.number), segment.vectors)
        _verify(layout.prefix(segment.number), segment.prefix, digest=True)
        vectors = map_vectors(layout.vectors(segment.number), segment.documents, manifest.dim, manifest.dtype)
        rotation = _read_rotation(layout, manifest)
        prefixes = read_prefix(layout.prefix(segment.number), segment.documents, manifest.prefix_dim)
        if manifest.tuned is not None and manifest.tuned.probes is not None:
            prefixes = prefixes.with_probes(manifest.tuned.probes)
        sketches = _read_sketches(layout, manifest)
        bounds = _read_bounds(layout, manifest)
    except BaseException:
        catalog.close()
        raise
    return StoredIndex(folder, manifest, segment, VectorIndex(vectors, prefixes, sketches, bounds), catalog, rotation)


def _read_rotation(layout: Layout, manifest: Manifest) -> Rotation | None:
    record = manifest.rotation
    if record is None or record.kind == "none":
        return None
    path = layout.rotation(record.segment)
    _verify(path, FileRecord(record.size, record.sha256), digest=True)
    matrix = map_vectors(path, manifest.dim, manifest.dim, "float32").data
    try:
        return Rotation(np.array(matrix), record.kind, max(manifest.dims[:-1], default=0))
    except RotationError as error:
        raise IndexStoreError(f"{path}: {error}") from error


def _read_sketches(layout: Layout, manifest: Manifest) -> Sketches | None:
    record = manifest.sketches
    if record is None:
        return None
    path = layout.sketches(record.segment)
    _verify(path, FileRecord(record.size, record.sha256))
    mapped = map_vectors(path, manifest.documents, sketch_width(manifest.dim), "uint8")
    levels = Levels(np.array(record.lows, np.float32), np.array(record.steps, np.float32))
    return Sketches(mapped.data, levels, mapped.residence)


def _read_bounds(layout: Layout, manifest: Manifest) -> Bounds | None:
    record = manifest.bounds
    if record is None:
        return None
    paths = layout.bounds(record.segment)
    for path, size, sha256 in zip(paths, record.sizes, record.sha256, strict=True):
        _verify(path, FileRecord(size, sha256), digest=path == paths[0])
    matrix = np.array(map_vectors(paths[0], len(record.means), manifest.dim, "float32").data)
    axes = Axes(matrix, np.array(record.means), np.array(record.deviations))
    shapes = near_shape(axes, manifest.documents), far_shape(axes, manifest.documents)
    near, far = (map_vectors(path, *shape, "uint8").data for path, shape in zip(paths[1:], shapes, strict=True))
    return Bounds(axes, near, far)


def read_manifest(folder: Path) -> tuple[Manifest, Segment]:
    """The committed manifest and segment of an index, without opening its vectors."""
    layout = Layout(folder)
    catalog = Catalog.read(layout.catalog)
    try:
        return _committed(catalog, layout)
    finally:
        catalog.close()


def measure_index(folder: Path) -> tuple[Manifest, BytesPerDocument]:
    """The manifest of an index, and what it takes; the prefix index is loaded to be measured."""
    stored = open_index(folder)
    stored.close()
    count = stored.manifest.documents
    turn, record, sketched = stored.rotation, stored.manifest.rotation, stored.manifest.sketches
    return stored.manifest, BytesPerDocument(
        ram=(stored.vectors.prefix_bytes + (turn.matrix.nbytes if turn is not None else 0)) / count,
        vectors=stored.segment.vectors.size / count,
        prefix=stored.segment.prefix.size / count,
        rotation=(record.size if record is not None else 0) / count,
        sketches=(sketched.size if sketched is not None else 0) / count,
        bounds=(sum(bounds.sizes) if (bounds := stored.manifest.bounds) is not None else 0) / count,
        catalog=Layout(folder).catalog.stat().st_size / count,
    )


def _committed(catalog: Catalog, layout: Layout) -> tuple[Manifest, Segment]:
    manifest = catalog.manifest()
    if manifest is None:
        raise IndexStoreError(f"nothing is committed in {layout.folder}: the build that made it must be run again")
    segments = catalog.segments()
    if len(segments) != 1 or segments[0].documents != manifest.documents:
        raise IndexStoreError(f"the manifest in {layout.folder} contradicts itself; build the index again")
    return manifest, segments[0]


def verify_index(folder: Path) -> None:
    """Reads every file of an index to its end. Raises IndexStoreError unless each is what was committed."""
    layout = Layout(folder)
    manifest, segment = read_manifest(folder)
    _verify(layout.vectors(segment.number), segment.vectors, digest=True)
    _verify(layout.prefix(segment.number), segment.prefix, digest=True)
    _read_rotation(layout, manifest)
    if (sketches := manifest.sketches) is not None:
        _verify(layout.sketches(sketches.segment), FileRecord(sketches.size, sketches.sha256), digest=True)
    if (bounds := manifest.bounds) is not None:
        for path, size, sha256 in zip(layout.bounds(bounds.segment), bounds.sizes, bounds.sha256, strict=True):
            _verify(path, FileRecord(size, sha256), digest=True)


def _verify(path: Path, record: FileRecord, *, digest: bool = False) -> None:
    """Raises IndexStoreError unless the file has the size (and the digest) that was committed."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise IndexStoreError(f"{path} is missing; build the index again") from error
    if size != record.size:
        raise IndexStoreError(f"{path} has {size} bytes, {record.size} were committed; build the index again")
    if digest:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != record.sha256:
            raise IndexStoreError(f"{path} is damaged (its sha256 is not the committed one); build the index again")

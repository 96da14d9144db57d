"""Writing the files of one segment, each of them once, and to the disk behind it."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from mrl_search.indexes.codecs import Codec
from mrl_search.indexes.layout import FileRecord, Layout, Segment, record_of, sync_folder, write_durably
from mrl_search.indexes.manifest import Manifest, RotationRecord, SketchRecord
from mrl_search.indexes.prefix import build_prefix, read_prefix
from mrl_search.indexes.sketches import levels_of, sketch_blocks, sketch_width
from mrl_search.indexes.stored import StoredVectors, array_file, header, map_vectors, packed
from mrl_search.rotation import Rotation


class SegmentFiles:
    """The files of the segment of that number, whose folder this makes. Raises OSError where the disk refuses."""

    def __init__(self, layout: Layout, number: int) -> None:
        self._layout, self._number = layout, number
        layout.segment(number).mkdir(parents=True)  # an index without documents may have been copied without folders

    @classmethod
    def of(cls, layout: Layout, segment: Segment, manifest: Manifest) -> "SegmentFiles":
        """Of a segment that is there, to make what is made from its vectors anew."""
        files = cls.__new__(cls)
        files._layout, files._number = layout, segment.number
        files._shape = (segment.documents, manifest.dim, manifest.dtype)
        return files

    def write_vectors(self, blocks: Iterator[NDArray[Any]], count: int, dim: int, dtype: str) -> FileRecord:
        """Writes vectors.npy from blocks of rows as `packed` makes them, `count` in all."""
        record = write_durably(self._layout.vectors(self._number), array_file(blocks, count, dim, dtype))
        self._shape = (count, dim, dtype)
        return record

    def write_rotation(self, rotation: Rotation | None, why: str) -> RotationRecord:
        """Writes rotation.npy, if there is one; the record is for the manifest. The vectors must come rotated."""
        if rotation is None:
            return RotationRecord("none", why)
        chunks = (header(rotation.dim, rotation.dim, "float32"), packed(rotation.matrix, "float32").tobytes())
        record = write_durably(self._layout.rotation(self._number), chunks)
        return RotationRecord(rotation.kind, why, self._number, record.size, record.sha256)

    def write_prefix(self, dim: int, codec: Codec) -> FileRecord:
        """Builds prefix.faiss from the vectors just written. Raises IndexStoreError if FAISS cannot read it again."""
        path = self._layout.prefix(self._number)
        build_prefix(self._vectors, dim, codec).write(path)
        read_prefix(path, self._shape[0], dim)
        return record_of(path)

    def write_sketches(self) -> SketchRecord:
        """Writes sketches.npy from the vectors just written; the record is for the manifest."""
        vectors = self._vectors
        levels = levels_of(vectors)

        def blocks() -> Iterator[NDArray[Any]]:
            for block in sketch_blocks(vectors, levels):
                yield block
                vectors.release()

        chunks = array_file(blocks(), len(vectors), sketch_width(vectors.dim), "uint8")
        record = write_durably(self._layout.sketches(self._number), chunks)
        lows, steps = (tuple(numbers.tolist()) for numbers in levels)
        return SketchRecord(self._number, record.size, record.sha256, lows, steps)

    def sync(self) -> None:
        """Forces the names of all files, and of the folders they stand in, to the disk."""
        for folder in (self._layout.segment(self._number), self._layout.segments, self._layout.folder):
            sync_folder(folder)

    @property
    def _vectors(self) -> StoredVectors:
        """What `write_vectors` wrote."""
        return map_vectors(self._layout.vectors(self._number), *self._shape)

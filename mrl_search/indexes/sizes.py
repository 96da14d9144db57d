"""What an index takes, on disk and in RAM."""

from pathlib import Path
from typing import NamedTuple

from mrl_search.indexes.layout import Layout
from mrl_search.indexes.manifest import Manifest
from mrl_search.indexes.reader import open_index


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


def measure_index(folder: Path) -> tuple[Manifest, BytesPerDocument]:
    """The manifest of an index, and what it takes; the prefix index is loaded to be measured."""
    stored = open_index(folder)
    stored.close()
    count = max(1, stored.manifest.documents)
    turn, record, sketched = stored.rotation, stored.manifest.rotation, stored.manifest.sketches
    return stored.manifest, BytesPerDocument(
        ram=(stored.vectors.prefix_bytes + (turn.matrix.nbytes if turn is not None else 0)) / count,
        vectors=sum(segment.vectors.size for segment in stored.segments) / count,
        prefix=sum(segment.prefix.size for segment in stored.segments) / count,
        rotation=(record.size if record is not None else 0) / count,
        sketches=(sketched.size if sketched is not None else 0) / count,
        bounds=(sum(bounds.sizes) if (bounds := stored.manifest.bounds) is not None else 0) / count,
        catalog=Layout(folder).catalog.stat().st_size / count,
    )

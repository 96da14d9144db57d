"""Where the rows of an index stand in a larger whole, of which the index is one shard.

A position is given once, to one document, and later documents have higher ones: so the order of rows is that of
positions, and equal scores go to the same documents as in one index of the whole.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import IndexStoreError
from mrl_search.hits import Rows
from mrl_search.indexes.layout import FileRecord, Layout, Segment, write_durably

_KIND = np.dtype("<i8")


def write_positions(layout: Layout, number: int, positions: Rows) -> FileRecord:
    """Writes positions.i64 of a segment that is not committed yet: one number a row, then the CRC-32 of them all.

    Raises IndexStoreError unless they ascend.
    """
    if not _ascend(positions):
        raise IndexStoreError("positions must ascend, row by row")  # the caller's fault
    told = positions.astype(_KIND).tobytes()
    return write_durably(layout.positions(number), (told, _sum(told).tobytes()))


def read_positions(layout: Layout, segments: Sequence[Segment]) -> Rows | None:
    """(rows of all segments,) ascending; None where a segment has none: the index is no shard, or was changed alone.

    Raises IndexStoreError where they are damaged.
    """
    parts = [np.empty(0, np.int64)]
    for segment in segments:
        path = layout.positions(segment.number)
        try:
            told = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IndexStoreError(f"{path} cannot be read: {error.strerror}") from error
        body, end = told[: -_KIND.itemsize], told[-_KIND.itemsize :]
        if len(told) != (segment.documents + 1) * _KIND.itemsize or _sum(body).tobytes() != end:
            raise IndexStoreError(f"{path} is damaged; build the shard again")
        parts.append(np.frombuffer(body, _KIND).astype(np.int64))
    positions: Rows = np.concatenate(parts)
    if not _ascend(positions):
        raise IndexStoreError(f"the positions in {layout.folder} do not ascend; build the shard again")
    return positions


def _ascend(positions: Rows) -> bool:
    return bool((np.diff(positions) > 0).all()) and (not len(positions) or positions[0] >= 0)


def _sum(told: bytes) -> NDArray[np.int64]:
    return np.array([zlib.crc32(told)], _KIND)

"""Whether a mapped file is in the system's page cache, and what a reader of scattered rows does about it."""

import contextlib
import mmap
import os
import weakref
from pathlib import Path

import numpy as np

from mrl_search.hits import Rows

_SAMPLED = 64  # places of the file looked at
_LOOK_AGAIN = 256  # searches
_PAGES_A_ROW = 4  # whose entries in the page tables, made at once, cost about what faults of one row do
_POPULATE_READ = 22  # Linux ≥ 5.14; Python's mmap has no name for it


class Residence:
    """Watches a memory map of `path` whose rows of `stride` bytes begin after `header` bytes.

    Cached, the whole file is put into the page tables (27 to 90 ms for 890 MB) once so many rows were read that their
    faults have cost as much: a few answers need not wait for it, many do not pay for faults. Not cached, the pages of
    all rows a search is about to read are asked for together, in file order, so that the disk works on many at a time
    instead of on one fault after the other. benchmarks/cold.py compares the two (docs/benchmarks.md).
    """

    def __init__(self, path: Path, mapped: mmap.mmap, header: int, stride: int) -> None:
        self._handle = os.open(path, os.O_RDONLY)  # stays readable when the index is replaced, as the map does
        weakref.finalize(self, os.close, self._handle)
        self._mapped = mapped
        self._header = header
        self._stride = stride
        self._searches = 0
        self._is_resident = False
        self._rows_read = 0  # while cached

    def prepare(self, rows: Rows, row_bytes: int) -> None:
        """Asks for the first `row_bytes` of those rows (below 0: none), unless the file is cached anyway."""
        self._searches += 1
        if self._searches % _LOOK_AGAIN == 1:
            self._is_resident = is_cached(self._handle)
        if self._is_resident:
            self._count(rows.size)
            return
        self._rows_read = 0
        page = mmap.PAGESIZE
        for row in np.unique(rows[rows >= 0]).tolist():
            start = self._header + row * self._stride
            begin = start - start % page
            self._mapped.madvise(mmap.MADV_WILLNEED, begin, start + row_bytes - begin)

    def _count(self, rows: int) -> None:
        """Counts rows read of the cached file, and puts it into the page tables when it is time to."""
        enough = len(self._mapped) // mmap.PAGESIZE // _PAGES_A_ROW
        before, self._rows_read = self._rows_read, self._rows_read + rows
        if before <= enough < self._rows_read:
            with contextlib.suppress(OSError):  # an older kernel: every page then faults once
                self._mapped.madvise(_POPULATE_READ)


def is_cached(handle: int) -> bool:
    """Whether 64 places of an open file can be read without asking the disk; True where the system cannot say."""
    size = os.fstat(handle).st_size
    try:
        for place in range(_SAMPLED):
            os.preadv(handle, [bytearray(1)], (size - 1) * place // (_SAMPLED - 1), os.RWF_NOWAIT)
    except BlockingIOError:  # it would have to wait
        return False
    except (OSError, AttributeError):  # not Linux, or a file system that does not know the flag
        return True
    return True

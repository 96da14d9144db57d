"""Checksums of the rows of an array file, behind its last row: a row is compared with its own when it is first read.

A bit that flips on a disk would be answered otherwise: reading a whole file for its sha256 takes as long as searching
it for hours. The sum of a row is row + 1 + Σ wordᵢ · factorᵢ modulo 2⁶⁴, over its numbers as unsigned words, with odd
factors of 32 bits: whatever happens to one word, the sum differs; of other damages all but one of some billion. That is
one vector instruction for eight words, where a CRC takes one for each; like a CRC it is no seal (SECURITY.md).
"""

from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrl_search.errors import IndexStoreError
from mrl_search.hits import Rows

_SUM = np.dtype("<u8")
_WORDS: dict[int, np.dtype[Any]] = {1: np.dtype("u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4")}


class RowSums:
    """What (n, w) rows of a file were when they were written, and which of them were found to be that."""

    def __init__(self, path: Path, data: NDArray[Any], sums: NDArray[np.uint64]) -> None:
        self._path = path
        self._words, self._sums = _words(np.asarray(data)), np.asarray(sums)

    def demand(self, rows: Rows) -> None:
        """Raises IndexStoreError unless each of these rows (below 0: none) is what was written. Each is read once."""
        row = self._first_unsound(rows.ravel())
        if row >= 0:
            raise IndexStoreError(
                f"row {row} of {self._path} is damaged: it is not what was committed; "
                f"to know what to do: mrl-search check {self._index}"
            )

    @property
    def _index(self) -> str:
        folder = self._path.parents[2:3]  # INDEX/segments/NUMBER/FILE
        return str(folder[0]) if folder else "INDEX"

    def demand_all(self) -> None:
        """As `demand`, of every row; at no cost once they were found sound."""
        if not self._all_known:
            self.demand(np.arange(len(self._words)))
            self._all_known = True

    def unsound(self) -> list[int]:
        """Every row that is not what was written, in order."""
        found, rows = list[int](), np.arange(len(self._words))
        while (row := self._first_unsound(rows)) >= 0:
            found.append(row)
            rows = rows[np.searchsorted(rows, row) + 1 :]
        return found

    _all_known = False

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        return np.zeros(len(self._words), np.bool_)  # takes memory only where rows are read

    def _first_unsound(self, rows: Rows) -> int:
        from mrl_search.indexes.kernels import unsound

        return int(unsound(self._words, _factors(self._words.shape[1]), self._sums, self._known, rows))


def row_sums(block: NDArray[Any], first: int) -> NDArray[np.uint64]:
    """The (m,) sums of (m, w) rows of 1, 2 or 4 bytes a number, which are rows `first` … of their file."""
    from mrl_search.indexes.kernels import sum_rows

    words, sums = _words(np.ascontiguousarray(block)), np.empty(len(block), _SUM)
    sum_rows(words, _factors(words.shape[1]), first, sums)
    return sums


def room(data_bytes: int) -> int:
    """Zero bytes between the last row and the sums, which begin at a multiple of eight of the array's own bytes."""
    return -data_bytes % _SUM.itemsize


def map_sums(path: Path, data: NDArray[Any], begin: int) -> RowSums | None:
    """The sums of an array that was mapped from byte `begin` on; None if the file ends with the array, as older ones.

    Raises OSError or ValueError where the file has other bytes there than sums.
    """
    begin += data.nbytes
    more = path.stat().st_size - begin
    if not more:
        return None
    skipped = room(data.nbytes)
    if more != skipped + len(data) * _SUM.itemsize:
        raise ValueError(f"{more:,} bytes follow its {len(data):,} rows")
    return RowSums(path, data, np.memmap(path, _SUM, "r", begin + skipped, (len(data),)))


def _words(data: NDArray[Any]) -> NDArray[Any]:
    return data.view(_WORDS[data.dtype.itemsize])


@cache
def _factors(width: int) -> NDArray[np.uint32]:
    """(w,) odd numbers: the upper halves of the outputs of splitmix64, from a state of 0 (Steele et al. 2014)."""
    state = np.arange(1, width + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(32)).astype(np.uint32) | np.uint32(1)

"""Full vectors, on disk or in memory, in one of three number formats.

A score is the cosine of two prefixes, so the length of a stored row never
matters. int8 rows therefore need no scale beside them: each is stretched to
use the whole range, and the stretch cancels.
"""

import mmap
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mrl_search.errors import IndexStoreError
from mrl_search.hits import Rows
from mrl_search.indexes.residence import Residence
from mrl_search.indexes.row_sums import RowSums, map_sums, room, row_sums
from mrl_search.vectors import Vectors, prefix

DTYPES: Mapping[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "bfloat16": np.dtype("<u2"), "int8": np.dtype("i1")}
"""How numpy holds each format in memory and in vectors.npy; bfloat16 as the upper half of a float32's bits."""

_SCANNED = 16_384  # rows read at a time; at 768 dims 50 MB of float32
_HELD = 2**28  # bytes of mapped pages that are held at most where they are let go of
_SCATTERED = _HELD // 2**16  # rows read here and there: each may map the 64 KiB around it (see `scratch`)


@dataclass(frozen=True)
class StoredVectors:
    """(n, D) vectors in one of DTYPES, usually memory-mapped.

    sums: what the rows must add up to, if the file says; whoever reads `data` itself calls `vouch` before.
    lets_go: whether mapped pages are released once they have been read: after each block of a pass over all rows, and
    as scattered reads of a large file have mapped a quarter of a GiB.
    """

    data: NDArray[Any]
    dtype: str
    residence: Residence | None = None
    lets_go: bool = False
    sums: RowSums | None = None

    def __len__(self) -> int:
        return int(self.data.shape[0])

    @property
    def dim(self) -> int:
        """The stored width D."""
        return int(self.data.shape[1])

    def take(self, rows: Rows, dim: int) -> Vectors:
        """The first `dim` coordinates of those rows as new float32 unit vectors, (len(rows), dim)."""
        return prefix(self.gathered(rows, dim), dim)

    def gathered(self, rows: Rows, dim: int) -> Vectors:
        """The first `dim` coordinates of those rows as they are stored, of any length, as new float32 (len(rows), dim).

        Fastest in file order.
        """
        found = np.empty((len(rows), dim), np.float32)
        for start in range(0, len(rows), _SCATTERED):
            some = rows[start : start + _SCATTERED]
            self.vouch(some)
            found[start : start + len(some)] = unpacked(self.data[some, :dim], self.dtype)
            self.let_go()
        return found

    def raw(self, rows: Rows) -> NDArray[Any]:
        """Those rows as they are stored, (len(rows), D) of DTYPES."""
        self.vouch(rows)
        found: NDArray[Any] = self.data[rows]
        return found

    def blocks(self, dim: int) -> Iterator[tuple[int, Vectors]]:
        """All rows in order, some thousands at a time: (first row, (m, dim) float32 unit vectors)."""
        for start, block in self.scan(dim):
            yield start, prefix(block, dim)

    def scan(self, dim: int) -> Iterator[tuple[int, Vectors]]:
        """As `blocks`, of whatever length the rows are stored with; float32 ones are read where they lie."""
        for start in range(0, len(self), _SCANNED):
            end = min(start + _SCANNED, len(self))
            self._expect(start, end)
            self.vouch(np.arange(start, end))
            yield start, unpacked(self.data[start : start + _SCANNED, :dim], self.dtype)
            if self.lets_go:
                self.release()

    def vouch(self, rows: Rows) -> None:
        """Raises IndexStoreError unless those rows, below 0 for none, are what was committed."""
        if self.sums is not None:
            self.sums.demand(rows)

    def parts(self, rows: Rows) -> list[int]:
        """The edges of parts of (q, m) rows that are read one after the other, with `let_go` between them."""
        step = max(1, _SCATTERED // max(1, rows.shape[1])) if self._is_let_go else max(1, len(rows))
        return [*range(0, len(rows), step), len(rows)]

    def prepare(self, rows: Rows, dim: int) -> None:
        """Says that the first `dim` coordinates of those rows will be read next; below 0 stands for none."""
        if self.residence is not None:
            width = dim if self.sums is None else self.dim  # a sum is of the whole row
            self.residence.prepare(rows, width * self.data.itemsize)

    @property
    def _is_let_go(self) -> bool:
        return self.lets_go and self.data.nbytes > _HELD

    def let_go(self) -> None:
        """Releases what scattered reads have mapped, unless the whole file is small, or pages are to stay."""
        if self._is_let_go:
            self.release()

    def _expect(self, first: int, last: int) -> None:
        """Asks for rows of a scratch file that is read in order, which nobody does of himself (see `scratch`)."""
        base: object = self.data.base
        if self.lets_go and isinstance(base, mmap.mmap):
            begin = first * self.data.strides[0]
            begin -= begin % mmap.PAGESIZE
            base.madvise(mmap.MADV_WILLNEED, begin, last * self.data.strides[0] - begin)

    def release(self) -> None:
        """Lets go of mapped pages that have been read; they stay in the system's cache, but are not ours any more."""
        base: object = self.data.base  # numpy's stubs leave out that a memmap's base is the mmap
        if isinstance(base, mmap.mmap):
            base.madvise(mmap.MADV_DONTNEED)


def scratch(count: int, dim: int, dtype: str = "float32") -> StoredVectors:
    """Room for vectors in a file of $TMPDIR without a name, gone with whoever maps it; its pages are let go of.

    Reads are said to be random, for else Linux 6.18 maps up to 2 MiB around each (200 rows of 100,000: 174 MiB; so 13),
    and asks for nothing ahead; `scan` does that.
    """
    with tempfile.TemporaryFile() as file:
        data = np.memmap(file, DTYPES[dtype], "w+", shape=(count, dim))
    mapped: object = data.base
    if isinstance(mapped, mmap.mmap):
        mapped.madvise(mmap.MADV_RANDOM)
    return StoredVectors(data, dtype, lets_go=True)


def packed(vectors: Vectors, dtype: str) -> NDArray[Any]:
    """float32 rows in a stored format, rounded to the nearest; the inverse of `unpacked` up to rounding and length."""
    floats: NDArray[Any] = np.ascontiguousarray(vectors, dtype="<f4")
    if dtype == "float32":
        return floats
    if dtype == "bfloat16":
        bits = floats.view("<u4")
        even = bits + 0x7FFF + ((bits >> 16) & 1)  # round half to even; cannot overflow for |x| <= 1
        halves: NDArray[Any] = (even >> 16).astype("<u2")
        return halves
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    stretched = np.divide(127 * vectors, largest, out=np.zeros_like(vectors), where=largest > 0)
    bytes_: NDArray[Any] = np.rint(stretched).astype("i1")
    return bytes_


def unpacked(stored: NDArray[Any], dtype: str) -> Vectors:
    """Stored rows as float32, which are not copied if they are; int8 rows come out longer than 1."""
    if dtype == "bfloat16":
        return (stored.astype("<u4") << 16).view("<f4")
    return np.asarray(stored, np.float32)


def _numpy(dtype: str) -> np.dtype[Any]:
    return np.dtype("u1") if dtype == "uint8" else DTYPES[dtype]


def header(count: int, dim: int, dtype: str) -> bytes:
    """The first bytes of a vectors.npy, or of sketches (uint8): numpy's own format, C order."""
    buffer = BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": _numpy(dtype).str, "fortran_order": False, "shape": (count, dim)})
    return buffer.getvalue()


def array_file(blocks: Iterable[NDArray[Any]], count: int, width: int, dtype: str) -> Iterator[bytes]:
    """What `map_vectors` reads: numpy's header, the rows, and their checksums.

    blocks: rows in order, `count` in all; otherwise IndexStoreError is raised.
    """
    yield header(count, width, dtype)
    sums, written = [np.empty(0, "<u8")], 0
    for block in blocks:
        sums.append(row_sums(block, written))
        written += len(block)
        yield block.tobytes()
    if written != count:
        raise IndexStoreError(f"{written} vectors for {count} documents")  # the caller's fault
    yield bytes(room(count * width * _numpy(dtype).itemsize))
    yield np.concatenate(sums).tobytes()


def map_vectors(path: Path, count: int, dim: int, dtype: str) -> StoredVectors:
    """Memory-maps a vectors.npy, or sketches. Raises IndexStoreError unless it is exactly what the manifest promises.

    The header is compared, not parsed: numpy would evaluate what stands there.
    """
    wanted = header(count, dim, dtype)
    try:
        with path.open("rb") as file:
            found = file.read(len(wanted))
        if found != wanted:
            raise IndexStoreError(f"{path} does not begin as {count} × {dim} {dtype} should; build the index again")
        data = np.memmap(path, _numpy(dtype), mode="r", offset=len(wanted), shape=(count, dim))
        mapped = data.base
        residence = Residence(path, mapped, len(wanted), data.strides[0]) if isinstance(mapped, mmap.mmap) else None
        sums = map_sums(path, data, len(wanted))
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise IndexStoreError(f"{path} cannot be mapped: {told}") from error
    return StoredVectors(data, dtype, residence, sums=sums)

"""Stored vectors where a device can score them: resident on it, or in the host's memory and sent as they are needed."""

import threading
import warnings
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mrl_search.device import Device
from mrl_search.gpu.order import best
from mrl_search.hits import Rows
from mrl_search.indexes import StoredVectors

_ROWS = 65_536  # moved at a time; at 768 dims 200 MB of float32
_BYTES = 2**27  # of gathered float32 coordinates at a time; their products take as much three times over
_BUFFERS = 2  # one is filled while the other is on its way


class DeviceRows(Protocol):
    """(n, D) stored vectors, of which a device asks for some."""

    rows_on: str
    """Where `gathered` wants to have the rows' numbers."""
    is_resident: bool
    """Whether the vectors lie in the device's own memory."""

    def __len__(self) -> int:
        """n."""

    def gathered(self, rows: Tensor, dim: int) -> Tensor:
        """The first `dim` coordinates of (b, m) rows, none below 0, on the device: (b, m, dim) float32 as stored."""

    def blocks(self, dim: int) -> Iterator[tuple[int, Tensor]]:
        """All rows in order, on the device: (first row, (m, dim) float32 as stored)."""


class Resident:
    """All vectors in the device's memory, in the format they are stored in."""

    is_resident = True

    def __init__(self, stored: StoredVectors, device: Device) -> None:
        self.rows_on = str(device)
        self._data = torch.empty(stored.data.shape, dtype=_FORMATS[stored.dtype], device=self.rows_on)
        for start in range(0, len(stored), _ROWS):
            block = stored.raw(np.arange(start, min(start + _ROWS, len(stored))))
            self._data[start : start + len(block)] = _tensor(block, stored.dtype)
            if stored.lets_go:
                stored.release()

    def blocks(self, dim: int) -> Iterator[tuple[int, Tensor]]:
        """See DeviceRows."""
        for start in range(0, len(self._data), _ROWS):
            yield start, self._data[start : start + _ROWS, :dim].float()

    def __len__(self) -> int:
        return len(self._data)

    @classmethod
    def of(cls, vectors: Tensor) -> "Resident":
        """Vectors that are there already."""
        made = cls.__new__(cls)
        made.rows_on, made._data = str(vectors.device), vectors
        return made

    def gathered(self, rows: Tensor, dim: int) -> Tensor:
        """See DeviceRows."""
        return self._data[:, :dim].index_select(0, rows.flatten()).view(*rows.shape, dim).float()


class OnHost:
    """Vectors that stay where they are, usually in a memory map; rows are gathered into pinned memory and sent.

    While a part is on its way, and is scored, the next is gathered into the other of two buffers.
    """

    rows_on, is_resident = "cpu", False

    def __init__(self, stored: StoredVectors, device: Device) -> None:
        self._device, self._stored = device, stored
        with warnings.catch_warnings():  # a map for reading only; nothing here writes to it
            warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
            self._data = _tensor(np.asarray(stored.data), stored.dtype)
        self._buffers = [torch.empty(0, dtype=self._data.dtype) for _ in range(_BUFFERS)]
        self._sent: list[torch.cuda.Event | None] = [None] * _BUFFERS
        self._turn = 0
        self._one_at_a_time = threading.Lock()

    def __len__(self) -> int:
        return len(self._data)

    def gathered(self, rows: Tensor, dim: int) -> Tensor:
        """See DeviceRows."""
        self._stored.vouch(rows.numpy())
        if not self._device.is_cuda:
            found = self._data[:, :dim].index_select(0, rows.flatten()).view(*rows.shape, dim).float()
            self._stored.let_go()
            return found
        with self._one_at_a_time:
            self._turn = turn = (self._turn + 1) % _BUFFERS
            if (sent := self._sent[turn]) is not None:
                sent.synchronize()  # what was in the buffer must have left it
            buffer = self._room(turn, rows.numel() * dim).view(rows.numel(), dim)
            torch.index_select(self._data[:, :dim], 0, rows.flatten(), out=buffer)
            self._stored.let_go()
            moved = buffer.to(str(self._device), non_blocking=True)
            self._sent[turn] = event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(str(self._device)))
        return moved.view(*rows.shape, dim).float()

    def blocks(self, dim: int) -> Iterator[tuple[int, Tensor]]:
        """See DeviceRows."""
        for start in range(0, len(self._data), _ROWS):
            self._stored.vouch(np.arange(start, min(start + _ROWS, len(self))))
            yield start, self._data[start : start + _ROWS, :dim].to(str(self._device)).float()
            if self._stored.lets_go:
                self._stored.release()

    def _room(self, turn: int, count: int) -> Tensor:
        """So many coordinates of a buffer, which grows as it must."""
        if len(self._buffers[turn]) < count:
            self._buffers[turn] = torch.empty(count, dtype=self._data.dtype, pin_memory=True)
        return self._buffers[turn][:count]


def scored(vectors: DeviceRows, queries: Tensor, rows: Tensor | Rows, dim: int, k: int) -> tuple[Tensor, Tensor]:
    """The k best of each query's rows by the cosine of the first `dim` coordinates, on the queries' device.

    queries: (q, ≥ dim) float32. rows: (q, m), below 0 for none, none twice in a line. See `order.best`.
    """
    rows = rows if isinstance(rows, Tensor) else torch.tensor(rows)
    wanted = rows.to(vectors.rows_on)  # all at once: the host would have to wait for each part
    rows = rows.to(queries.device)
    queries = queries[:, :dim]
    step = max(1, _BYTES // max(1, 4 * dim * rows.shape[1]))
    parts = [
        cosines(vectors.gathered(wanted[start : start + step].clamp(min=0), dim), queries[start : start + step])
        for start in range(0, len(rows), step)
    ]
    scores = torch.cat(parts) if parts else torch.empty(rows.shape, dtype=torch.float32, device=queries.device)
    return best(scores, rows, k)


def units(vectors: Tensor) -> Tensor:
    """Rows at length 1; zeros stay zeros."""
    return torch.nn.functional.normalize(vectors, dim=-1, eps=1e-30)  # by default a row of 1e-12 would stay short


def cosines(vectors: Tensor, queries: Tensor) -> Tensor:
    """(b, m, dim) float32 vectors with (b, dim) float32 queries: (b, m); 0 with zeros.

    Sums are taken by halves: numbers are multiplied and added one by one in an order that the width alone decides. So a
    row's score is the same, bit for bit, in whatever company it is, and on whatever device: copies tie.
    """
    products = torch.stack([vectors * queries[:, None], vectors * vectors])  # (2, b, m, dim)
    dots, squares = _sums(products).unbind()
    scale = _sums(queries * queries).sqrt()[:, None] * squares.sqrt()
    return torch.where(scale > 0, dots / scale, 0.0)


def _sums(terms: Tensor) -> Tensor:
    """Over the last dim. A matrix product, or torch's own sum, would add in an order that depends on the place."""
    while (width := terms.shape[-1]) > 1:
        half = width // 2
        halved = terms[..., :half] + terms[..., half : 2 * half]
        if width % 2:
            halved[..., 0] += terms[..., -1]
        terms = halved
    return terms.squeeze(-1)


_FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}


def _tensor(data: NDArray[Any], dtype: str) -> Tensor:
    """numpy's array as a tensor over the same memory; bfloat16 comes as the bits of unsigned numbers."""
    return torch.from_numpy(data.view(np.int16)).view(torch.bfloat16) if dtype == "bfloat16" else torch.from_numpy(data)

"""Exact search over all rows at several widths in one pass, as `indexes.exact` and `indexes.growing`, on a device."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from mrl_search.device import Device
from mrl_search.gpu.order import best, off_device
from mrl_search.gpu.rows import DeviceRows, OnHost, Resident, scored, units
from mrl_search.gpu.scan import Scan
from mrl_search.hits import Hits
from mrl_search.indexes import StoredVectors
from mrl_search.vectors import Vectors

Found = dict[int, tuple[Tensor, Tensor]]
"""Width → (scores, rows) as `order.best` gives them."""


def exact(stored: StoredVectors, queries: Vectors, dims: Sequence[int], k: int, device: Device) -> dict[int, Hits]:
    """The k best of all rows by the cosine of the first `dim` coordinates, for each of `dims`.

    queries: (q, ≥ max(dims)). Each block of rows is sent once for all widths and queries, so that vectors need not fit
    on the device. Products, in half precision on a card, only choose candidates; cosines decide (see `rows.cosines`).
    """
    asked = torch.tensor(queries, device=str(device))
    return {dim: off_device(*found) for dim, found in over_all(OnHost(stored, device), asked, dims, k).items()}


def growing(
    device: Device, stored: StoredVectors, queries: Vectors, dims: Sequence[int], k: int, sizes: Sequence[int]
) -> Iterator[tuple[int, dict[int, Hits]]]:
    """As `indexes.growing`, on a device: (n, what `exact` finds in the first n rows) for every n of `sizes`."""
    asked = torch.tensor(queries, device=str(device))
    for size, found in _growing(OnHost(stored, device), asked, dims, k, sizes):
        yield size, {dim: off_device(*some) for dim, some in found.items()}


def over_all(vectors: DeviceRows, queries: Tensor, dims: Sequence[int], k: int) -> Found:
    """As `exact`, of vectors and (q, ≥ max(dims)) queries on one device."""
    ((_, found),) = _growing(vectors, queries, dims, k, [len(vectors)])
    return found


def _growing(
    vectors: DeviceRows, queries: Tensor, dims: Sequence[int], k: int, sizes: Sequence[int]
) -> Iterator[tuple[int, Found]]:
    nothing = torch.empty((len(queries), 0), device=queries.device)
    found = {dim: best(nothing, nothing.long(), k) for dim in sorted(set(dims))}
    if not len(vectors):
        yield 0, found
    for start, block in vectors.blocks(max(found)):
        edges = sorted({0, len(block), *(size - start for size in sizes if start < size < start + len(block))})
        for first, last in pairwise(edges):
            found = {dim: _merged(some, block[first:last], start + first, queries, dim) for dim, some in found.items()}
            if start + last in sizes:
                yield start + last, found


def _merged(found: tuple[Tensor, Tensor], rows: Tensor, start: int, queries: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The best of those found before and of more rows, the first of which is `start`."""
    k = found[0].shape[1]
    prefixes = units(rows[:, :dim])
    scan = Scan(prefixes.half() if prefixes.is_cuda else prefixes)
    scores, places = scored(Resident.of(rows), queries, scan.candidates(units(queries[:, :dim]), k), dim, k)
    places = torch.where(places < 0, places, places + start)
    return best(torch.cat([found[0], scores], 1), torch.cat([found[1], places], 1), k)

"""Exact search over all rows at several widths in one pass, as `indexes.exact`, on a device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mrl_search.device import Device
from mrl_search.gpu.order import best, off_device
from mrl_search.gpu.rows import DeviceRows, OnHost, Resident, scored, units
from mrl_search.gpu.scan import Scan
from mrl_search.hits import Hits
from mrl_search.indexes import StoredVectors
from mrl_search.vectors import Vectors


def exact(stored: StoredVectors, queries: Vectors, dims: Sequence[int], k: int, device: Device) -> dict[int, Hits]:
    """The k best of all rows by the cosine of the first `dim` coordinates, for each of `dims`.

    queries: (q, ≥ max(dims)). Each block of rows is sent once for all widths and queries, so that vectors need not fit
    on the device. Products, in half precision on a card, only choose candidates; cosines decide (see `rows.cosines`).
    """
    asked = torch.tensor(queries, device=str(device))
    return {dim: off_device(*found) for dim, found in over_all(OnHost(stored, device), asked, dims, k).items()}


def over_all(vectors: DeviceRows, queries: Tensor, dims: Sequence[int], k: int) -> dict[int, tuple[Tensor, Tensor]]:
    """As `exact`, of vectors and (q, ≥ max(dims)) queries on one device; (scores, rows) as `order.best` gives them."""
    nothing = torch.empty((len(queries), 0), device=queries.device)
    found = {dim: best(nothing, nothing.long(), k) for dim in sorted(set(dims))}
    for start, block in vectors.blocks(max(found)):
        for dim in found:
            prefixes = units(block[:, :dim])
            scan = Scan(prefixes.half() if prefixes.is_cuda else prefixes)
            rows = scan.candidates(units(queries[:, :dim]), k)
            scores, rows = scored(Resident.of(block), queries, rows, dim, k)
            rows = torch.where(rows < 0, rows, rows + start)
            found[dim] = best(torch.cat([found[dim][0], scores], 1), torch.cat([found[dim][1], rows], 1), k)
    return found

"""A matrix product whose cosines never leave the chip: only the largest of each 32 rows is written.

Of 10^7 prefixes and 1,024 queries the cosines would be 20 GB, written once and read once or more; their maxima are a
thirty-second of that. Triton comes with torch's CUDA build; importing this needs it. On the CPU it runs in Triton's
interpreter (TRITON_INTERPRET=1), which is how it is tested where there is no card.
"""

from contextlib import nullcontext

import torch
import triton
import triton.language as tl
from torch import Tensor

from mrl_search.errors import DeviceError

GROUP = 32
_ROWS = 128  # a program looks at, for as many queries as fill a tile of the tensor cores, or 64
_LEAST, _MOST = 16, 64
WIDTHS = (16, 32, 64, 128, 256)  # Triton's tiles are powers of two, and a tile of both must fit into shared memory


def demand_fusible(dim: int) -> None:
    """Raises DeviceError for a width that the kernel does not take."""
    if dim not in WIDTHS:
        raise DeviceError(f"the fused kernel takes prefixes of {', '.join(map(str, WIDTHS))} dims, these have {dim}")


def group_maxima(queries: Tensor, prefixes: Tensor) -> Tensor:
    """(q, ⌈n / 32⌉) float32: the largest inner product of each query with the prefixes 32 g … 32 g + 31.

    queries: (q, dim) float16, prefixes: (n, dim) float16, both contiguous; dim one of WIDTHS.
    """
    count, size, dim = len(queries), len(prefixes), prefixes.shape[1]
    found = torch.empty((count, triton.cdiv(size, GROUP)), dtype=torch.float32, device=queries.device)
    lines = min(_MOST, max(_LEAST, triton.next_power_of_2(count)))
    grid = (triton.cdiv(count, lines) * triton.cdiv(size, _ROWS),)  # one axis: the second may have but 65,535 programs
    with torch.cuda.device(queries.device) if queries.is_cuda else nullcontext():  # Triton launches on the current one
        _group_maxima[grid](queries, prefixes, found, count, size, dim, lines, _ROWS, GROUP)
    return found


@triton.jit
def _group_maxima(
    queries,
    prefixes,
    found,
    count,
    size,
    dim: tl.constexpr,
    lines: tl.constexpr,
    rows: tl.constexpr,
    group: tl.constexpr,
):
    blocks = tl.cdiv(count, lines)
    part = tl.program_id(0) // blocks  # all queries meet one part of the rows, in the cache, before the next
    line = (tl.program_id(0) % blocks) * lines + tl.arange(0, lines)
    row = part * rows + tl.arange(0, rows)
    at = tl.arange(0, dim)
    asked = tl.load(queries + line[:, None] * dim + at[None, :], mask=line[:, None] < count, other=0.0)
    stored = tl.load(prefixes + row[:, None].to(tl.int64) * dim + at[None, :], mask=row[:, None] < size, other=0.0)
    cosines = tl.dot(asked, tl.trans(stored))
    cosines = tl.where(row[None, :] < size, cosines, float("-inf"))
    largest = tl.max(tl.reshape(cosines, (lines, rows // group, group)), 2)
    place = part * (rows // group) + tl.arange(0, rows // group)
    groups = tl.cdiv(size, group)
    inside = (line[:, None] < count) & (place[None, :] < groups)
    tl.store(found + line[:, None].to(tl.int64) * groups + place[None, :], largest, mask=inside)

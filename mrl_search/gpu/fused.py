"""A matrix product whose cosines never leave the chip: only the largest of each 32 rows is written.

Of 10^7 prefixes and 1,024 queries the cosines would be 20 GB, written once and read once or more; their maxima are a
thirty-second of that. A second kernel compares the rows of the groups that were chosen by them. Triton comes with
torch's CUDA build; importing this needs it. On the CPU it runs in Triton's interpreter (TRITON_INTERPRET=1), which is
how it is tested where there is no card.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
import triton
import triton.language as tl
from torch import Tensor

from mrl_search.errors import DeviceError
from mrl_search.gpu.scan import Groups

GROUP = 32
WIDTHS = (16, 32, 64, 128, 256)  # Triton's tiles are powers of two, and a tile of both must fit into shared memory
NOISE = 2**-10 + 2**-11
"""2^-10 by the rounding of both vectors (|Σab| ≤ 1), and as the largest are kept in halves, 2^-12 for them in their
place and in their order; sums are of float32, and the rest is theirs."""

_ROWS = 128  # of a tile
_FEW, _MANY = 16, 64  # queries of a tile; tensor cores take no fewer
_TILES = 16  # of a program that has many: while one is multiplied, the next are on their way
_STAGES = {16: 3, 32: 3, 64: 3, 128: 2, 256: 1}  # of that way: as many as fit into the shared memory of smaller cards


def demand_fusible(dim: int) -> None:
    """Raises DeviceError for a width that the kernels do not take."""
    if dim not in WIDTHS:
        raise DeviceError(f"the fused kernel takes prefixes of {', '.join(map(str, WIDTHS))} dims, these have {dim}")


def group_maxima(queries: Tensor, prefixes: Tensor) -> Tensor:
    """(q, ⌈n / 32⌉) float16: the largest inner product of each query with the prefixes 32 g … 32 g + 31.

    queries: (q, dim) float16, prefixes: (n, dim) float16, both contiguous; dim one of WIDTHS.
    """
    count, size, dim = len(queries), len(prefixes), prefixes.shape[1]
    found = torch.empty((count, triton.cdiv(size, GROUP)), dtype=torch.float16, device=queries.device)
    lines, tiles = (_FEW, 1) if count <= _FEW else (_MANY, _TILES)
    grid = (triton.cdiv(count, lines) * triton.cdiv(size, _ROWS * tiles),)  # one axis: others have but 65,535 programs
    with _on(queries):
        _group_maxima[grid](
            queries, prefixes, found, count, size, dim, lines, _ROWS, GROUP, tiles, _STAGES[dim], num_warps=4
        )
    return found


def cosines_within(queries: Tensor, prefixes: Tensor, groups: Tensor) -> Tensor:
    """(q, 32 m) float32: the inner products with all rows of (q, m) groups; -inf beyond the last row.

    queries, prefixes: as for `group_maxima`.
    """
    count, many = groups.shape
    found = torch.empty((count, GROUP * many), dtype=torch.float32, device=queries.device)
    if count:
        with _on(queries):
            _cosines_within[count * many,](
                queries,
                prefixes,
                groups.contiguous(),
                found,
                len(prefixes),
                many,
                prefixes.shape[1],
                GROUP,
                num_warps=1,
            )
    return found


GROUPS = Groups(group_maxima, cosines_within, NOISE)


def _on(queries: Tensor) -> AbstractContextManager[object]:
    """Triton launches on the current card."""
    return torch.cuda.device(queries.device) if queries.is_cuda else nullcontext()


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
    tiles: tl.constexpr,
    stages: tl.constexpr,
):
    blocks = tl.cdiv(count, lines)
    part = tl.program_id(0) // blocks  # all queries meet one part of the rows, in the cache, before the next
    line = (tl.program_id(0) % blocks) * lines + tl.arange(0, lines)
    at = tl.arange(0, dim)
    asked = tl.load(queries + line[:, None] * dim + at[None, :], mask=line[:, None] < count, other=0.0)
    groups = tl.cdiv(size, group)
    for tile in tl.range(0, tiles, num_stages=stages):
        first = (part * tiles + tile) * rows
        row = tl.minimum(first + tl.arange(0, rows), size - 1)  # the last row, again, beyond it: no mask of cosines
        stored = tl.load(prefixes + row[:, None].to(tl.int64) * dim + at[None, :])
        cosines = tl.dot(asked, tl.trans(stored))
        largest = tl.max(tl.reshape(cosines, (lines, rows // group, group)), 2)
        place = first // group + tl.arange(0, rows // group)
        inside = (line[:, None] < count) & (place[None, :] < groups)
        tl.store(found + line[:, None].to(tl.int64) * groups + place[None, :], largest.to(tl.float16), mask=inside)


@triton.jit
def _cosines_within(queries, prefixes, groups, found, size, many, dim: tl.constexpr, group: tl.constexpr):
    line = tl.program_id(0) // many
    at = tl.arange(0, dim)
    asked = tl.load(queries + line * dim + at).to(tl.float32)
    row = tl.load(groups + tl.program_id(0)) * group + tl.arange(0, group)
    stored = tl.load(prefixes + row[:, None] * dim + at[None, :], mask=row[:, None] < size, other=0.0).to(tl.float32)
    cosines = tl.where(row < size, tl.sum(stored * asked[None, :], 1), float("-inf"))
    tl.store(found + tl.program_id(0).to(tl.int64) * group + tl.arange(0, group), cosines)

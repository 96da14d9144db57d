"""Axes learned without labels: the neighbours by each prefix should be the neighbours by the full width."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mrl_search.rotations.goal import Recipe
from mrl_search.vectors import Vectors

if TYPE_CHECKING:
    import torch

LEAST_ROWS = 20
"""Fewer rows have hardly any neighbours to learn from."""

_LEAST_POOL, _SHARE = 1024, 5  # of 5,183 rows, pools of 2,048 and 1,024 gave the same recall, and 512 less
_LEAST_LENGTH = 1e-3  # a row with next to nothing in its prefix would have next to infinite gradients
_HALVED = 32


def learn(
    vectors: Vectors, span: tuple[int, int], widths: Sequence[int], recipe: Recipe, seed: int, device: str = "cpu"
) -> Vectors:
    """Axes for the coordinates of a span [start, stop), which stand in principal axes, strongest first.

    A step draws a fifth of the rows, 1,024 at least and `recipe.pool` at most; the first `recipe.anchors` of them, at
    most a quarter, are compared with all the others. Summed over the widths, it lowers the cross-entropy between the
    softmax of the full-width cosines and that of the prefix cosines. A prefix is the coordinates before the span, as
    they are, and then the new axes up to its width; so only max(widths) - start axes are learned. They are the rows of
    a Stiefel matrix: Adam is given the gradient along the manifold (Absil, Mahony & Sepulchre 2008, section 3.6.1),
    and Gram and Schmidt take what it makes of them back to it.

    vectors: (n, D) float32, at least LEAST_ROWS. widths: ascending, all inside the span.
    Returns (max(widths) - start, stop - start) float32, orthonormal to float32. Neither reads nor changes the state
    of torch's global generator.
    """
    import torch

    start, stop = span
    every = torch.from_numpy(vectors).to(device)
    pool = min(len(vectors), recipe.pool, max(_LEAST_POOL, len(vectors) // _SHARE))
    anchors = min(recipe.anchors, max(1, pool // 4))
    cuts = _with_half(widths, start)
    axes = torch.eye(widths[-1] - start, stop - start, dtype=torch.float32, device=device)
    adam = torch.optim.Adam([axes], lr=recipe.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, recipe.rate, total_steps=recipe.steps, pct_start=0.1)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(recipe.steps):
        rows = every[torch.randperm(len(every), generator=generator)[:pool].to(device)]  # (pool, D)
        target = _softmax(_cosines(rows, anchors), recipe.target_temperature)
        turned = torch.cat([rows[:, :start], rows[:, start:stop] @ axes.T], 1)
        slope = _slope(turned, target, cuts, recipe.student_temperature)[:, start:].T @ rows[:, start:stop]
        across = slope @ axes.T
        axes.grad = slope - (across + across.T) @ axes / 2
        adam.step()
        schedule.step()
        axes.copy_(_orthonormal(axes))
    learned: NDArray[np.float32] = axes.cpu().numpy()
    return learned


def _slope(turned: "torch.Tensor", target: "torch.Tensor", widths: Sequence[int], temperature: float) -> "torch.Tensor":
    """The gradient, by `turned`, of the cross-entropies of all widths, each averaged over the anchors.

    turned: (pool, D'), the anchors first, D' the last width. target: (anchors, pool).
    By hand, since a width's inner products are those of the width before and a block's: every coordinate is multiplied
    once on the way to the widest, and once on the way back, where autograd would do so for every width it is in.
    With cosines c = r r' d of inner products d and r = 1 / length, and q of the cosines' gradients, those by d are
    r r' q; and a row's by its length alone is -r² Σ q c times the row.
    """
    import torch

    first = turned[: len(target)]
    dots, squares = torch.zeros_like(target), torch.zeros(len(turned), device=turned.device)
    slopes = []
    for start, width in pairwise((0, *widths)):
        block = turned[:, start:width]
        dots.addmm_(first[:, start:width], block.T)
        squares += (block * block).sum(1)
        scale = squares.clamp_min(_LEAST_LENGTH**2).rsqrt()
        cosines = (dots * scale).mul_(scale[: len(target), None])
        slope = _softmax(cosines, temperature).sub_(target).div_(temperature * len(target))
        by_length = cosines.mul_(slope).sum(0)
        by_length[: len(target)] += cosines.sum(1)
        by_length *= scale * scale * (squares > _LEAST_LENGTH**2)  # what is shorter is not scaled to unit length
        slopes.append((slope.mul_(scale).mul_(scale[: len(target), None]), by_length))
    found = torch.empty_like(turned)
    by_dots, by_lengths = torch.zeros_like(target), torch.zeros_like(squares)
    for start, width in reversed(list(pairwise((0, *widths)))):
        more, longer = slopes.pop()
        by_dots += more
        by_lengths += longer
        block = turned[:, start:width]
        found[:, start:width] = by_dots.T @ first[:, start:width] - by_lengths[:, None] * block
        found[: len(target), start:width] += by_dots @ block
    return found


def _softmax(cosines: "torch.Tensor", temperature: float) -> "torch.Tensor":
    """Of each anchor's cosines with the others, (anchors, pool); 0 with itself."""
    return (cosines / temperature).fill_diagonal_(-float("inf")).softmax(1)


def _with_half(widths: Sequence[int], start: int) -> list[int]:
    """The widths; a single one with its half, so that the axes before it stay in order of use."""
    half = widths[0] // 2
    return [half, *widths] if len(widths) == 1 and widths[0] >= _HALVED and half > start else list(widths)


def _cosines(rows: "torch.Tensor", anchors: int) -> "torch.Tensor":
    """Of the first `anchors` rows with all (pool, D) rows: (anchors, pool) float32.

    In bfloat16 where the processor multiplies it natively: 8 ms in place of 63 at 512 · 8,192 rows of 768 dims on two
    cores of an AVX512-BF16 EPYC, and the same recall.
    """
    import torch

    if rows.is_cuda:
        is_native = torch.cuda.get_device_capability(rows.device) >= (8, 0)  # from Ampere on
    else:
        able = torch.cpu.get_capabilities()
        is_native = bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    short = rows.bfloat16() if is_native else rows
    return (short[:anchors] @ short.T).float()


def _orthonormal(weight: "torch.Tensor") -> "torch.Tensor":
    """The rows of (m, D), nearly orthonormal, orthonormalised in their order, as QR would.

    By Cholesky's factor of their Gram matrix (Stathopoulos & Wu 2002), whose error grows with the square of a condition
    number that a step leaves near 1; all of it is matrix products, where LAPACK's QR takes a column at a time.
    """
    import torch

    lower = torch.linalg.cholesky(weight @ weight.T)
    rows: torch.Tensor = torch.linalg.solve_triangular(lower, weight, upper=False)
    return rows

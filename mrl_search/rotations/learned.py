"""Axes learned without labels: the neighbours by each prefix should be the neighbours by the full width."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mrl_search.rotations.goal import Recipe
from mrl_search.vectors import Vectors

if TYPE_CHECKING:
    import torch

LEAST_ROWS = 20
"""Fewer rows have hardly any neighbours to learn from."""

_ITSELF = -1e9  # for a row's cosine with itself; -inf would make 0·inf of a cross-entropy
_LEAST_LENGTH = 1e-3  # a row with next to nothing in its prefix would have next to infinite gradients
_HALVED = 32


def learn(
    vectors: Vectors, span: tuple[int, int], widths: Sequence[int], recipe: Recipe, seed: int, device: str = "cpu"
) -> Vectors:
    """Axes for the coordinates of a span [start, stop), which stand in principal axes, strongest first.

    A step draws `recipe.pool` rows; the first `recipe.anchors` of them are compared with all the others. Summed over
    the widths, it lowers the cross-entropy between the softmax of the full-width cosines and that of the prefix
    cosines. A prefix is the coordinates before the span, as they are, and then the new axes up to its width; so only
    max(widths) - start axes are learned. They are the rows of a Stiefel matrix, by QR in every step.

    vectors: (n, D) float32, at least LEAST_ROWS. widths: ascending, all inside the span.
    Returns (max(widths) - start, stop - start) float32, orthonormal to float32. Neither reads nor changes the state
    of torch's global generator.
    """
    import torch

    start, stop = span
    every = torch.from_numpy(vectors).to(device)
    pool = min(recipe.pool, len(vectors))
    anchors = min(recipe.anchors, pool // 2)
    itself = torch.zeros(anchors, pool, dtype=torch.float32, device=device).fill_diagonal_(_ITSELF)
    weight = torch.eye(widths[-1] - start, stop - start, dtype=torch.float32, device=device).requires_grad_()
    adam = torch.optim.Adam([weight], lr=recipe.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, recipe.rate, total_steps=recipe.steps, pct_start=0.1)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(recipe.steps):
        rows = every[torch.randperm(len(every), generator=generator)[:pool].to(device)]  # (pool, D)
        target = torch.softmax(_cosines(rows, anchors) / recipe.target_temperature + itself, 1)
        turned = torch.cat([rows[:, :start], rows[:, start:stop] @ _orthonormal(weight).T], 1)
        loss = torch.zeros((), device=device)
        for width in _with_half(widths, start):
            short = torch.nn.functional.normalize(turned[:, :width], eps=_LEAST_LENGTH)
            scores = torch.addmm(itself, short[:anchors], short.T, alpha=1 / recipe.student_temperature)
            loss = loss + torch.nn.functional.cross_entropy(scores, target)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        schedule.step()
    axes: NDArray[np.float32] = _orthonormal(weight).detach().cpu().numpy()
    return axes


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

    able = torch.cpu.get_capabilities()
    short = rows.bfloat16() if rows.is_cuda or able.get("avx512_bf16") or able.get("amx_bf16") else rows
    return (short[:anchors] @ short.T).float()


def _orthonormal(weight: "torch.Tensor") -> "torch.Tensor":
    """The rows of (m, D) orthonormalised in their order; QR alone would leave their signs open."""
    import torch

    columns, triangle = torch.linalg.qr(weight.T)
    rows: torch.Tensor = (columns * torch.where(torch.diagonal(triangle) < 0, -1.0, 1.0)).T
    return rows

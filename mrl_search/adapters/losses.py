"""The losses of the papers, each as a mean over what it sums, at every width that is asked for.

Means, so that a batch's size changes no weight; the papers write sums. Widths are added up, as they are there.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_LEAST_LENGTH = 1e-6


def cut(rows: "torch.Tensor", width: int) -> "torch.Tensor":
    """(n, width): unit prefixes."""
    import torch

    return torch.nn.functional.normalize(rows[..., :width], dim=-1, eps=_LEAST_LENGTH)


def pair_loss(before: "torch.Tensor", after: "torch.Tensor", widths: Sequence[int]) -> "torch.Tensor":
    """How far the cosines of all pairs of rows at each width are from what they were at full width.

    L_pair, 2407.20243 section 4.1, Eq. 1: |Sim(i, j) − Sim_m(i, j)|. before, after: (n, D), n at least 2.
    """
    import torch

    target = cut(before, before.shape[1]) @ cut(before, before.shape[1]).T
    others = ~torch.eye(len(before), dtype=torch.bool)
    total = torch.zeros(())
    for width in widths:
        short = cut(after, width)
        total = total + (target - short @ short.T).abs()[others].mean()
    return total


def near_loss(
    before: tuple["torch.Tensor", "torch.Tensor"], after: tuple["torch.Tensor", "torch.Tensor"], widths: Sequence[int]
) -> "torch.Tensor":
    """The same of each row and its own neighbours: L_topk, 2407.20243 section 4.1, Eq. 2.

    before, after: rows (n, D) and, in step, their neighbours (n, k, D).
    """
    import torch

    full = before[0].shape[1]
    target = (cut(before[0], full)[:, None] * cut(before[1], full)).sum(-1)  # (n, k)
    total = torch.zeros(())
    for width in widths:
        found = (cut(after[0], width)[:, None] * cut(after[1], width)).sum(-1)
        total = total + (target - found).abs().mean()
    return total


def rank_loss(queries: "torch.Tensor", positives: "torch.Tensor", widths: Sequence[int]) -> "torch.Tensor":
    """log(1 + exp(s_ik − s_ij)) for each query i, its positive j and every other query's positive k.

    L_rank, 2407.20243 section 4.2, Eq. 5, with judgements of 1 and 0. s are cosines, without a temperature.
    queries, positives: (n, D), n at least 2.
    """
    import torch

    others = ~torch.eye(len(queries), dtype=torch.bool)
    total = torch.zeros(())
    for width in widths:
        cosines = cut(queries, width) @ cut(positives, width).T
        total = total + torch.nn.functional.softplus(cosines - cosines.diagonal()[:, None])[others].mean()
    return total


def contrastive_loss(
    queries: "torch.Tensor", positives: "torch.Tensor", widths: Sequence[int], scale: float
) -> "torch.Tensor":
    """InfoNCE over the batch at each width, cosines times `scale`: what MatryoshkaLoss adds up (2205.13147, Eq. 1)."""
    import torch

    labels = torch.arange(len(queries))
    total = torch.zeros(())
    for width in widths:
        logits = scale * cut(queries, width) @ cut(positives, width).T
        total = total + torch.nn.functional.cross_entropy(logits, labels)
    return total

"""`matryoshka-adaptor` (Yoon, Sinha, Arık & Pfister, EMNLP 2024, 2407.20243): a shallow MLP beside a skip connection.

Without pairs it minimises L_topk + α L_pair + β L_rec (section 4.1, Eq. 4); with pairs that first, and then the same +
γ L_rank (section 4.2, Eq. 6). α, β, γ are 1, Adam at 1e-3, batches of 128 (appendix B, Table 5).

Where we depart: the paper gives neither the MLP's width nor its activation; ours has one hidden layer of D and ReLU,
and begins as the identity. Terms are means, not sums, L_rec over coordinates too. The full width is among the widths,
as full vectors are reranked by. A step's rows are half drawn at random and half neighbours of those, so that both terms
come from one pass; k is 10, of which 1 is drawn each time. There is no early stopping: steps are fixed.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mrl_search.adapters.losses import near_loss, pair_loss, rank_loss
from mrl_search.adapters.material import Material, Settings, descend, generator, neighbours
from mrl_search.progress import Bar
from mrl_search.vectors import Vectors

if TYPE_CHECKING:
    import torch

_NEAREST = 10


class Mlp(NamedTuple):
    """The residual form of `Adapter`, while it is trained."""

    inward: "torch.Tensor"
    inward_bias: "torch.Tensor"
    outward: "torch.Tensor"
    outward_bias: "torch.Tensor"

    def __call__(self, rows: "torch.Tensor") -> "torch.Tensor":
        """(n, D) rows, adapted, not scaled."""
        hidden = (rows @ self.inward.T + self.inward_bias).relu()
        return rows + hidden @ self.outward.T + self.outward_bias


def matryoshka_adaptor(material: Material, settings: Settings, progress: Bar) -> dict[str, Vectors]:
    """Fitted to the documents, and then to the pairs, if there are any, for as many steps again."""
    import torch

    draws = generator(settings.seed)
    dim, widths = material.dim, (*settings.widths, material.dim)
    scale = (6 / dim) ** 0.5  # He's uniform initialisation, for ReLU
    inward = (2 * torch.rand((dim, dim), generator=draws) - 1) * scale
    mlp = Mlp(inward, torch.zeros(dim), torch.zeros((dim, dim)), torch.zeros(dim))
    texts = torch.from_numpy(material.texts)
    nearest = neighbours(texts, min(_NEAREST, len(texts) - 1))
    queries, positives = torch.from_numpy(material.queries), torch.from_numpy(material.positives)

    def unsupervised() -> torch.Tensor:
        """Eq. 4."""
        rows = torch.randperm(len(texts), generator=draws)[: settings.batch // 2]
        which = torch.randint(nearest.shape[1], (len(rows),), generator=draws)
        before = torch.cat([texts[rows], texts[nearest[rows, which]]])
        after, half = mlp(before), len(rows)
        pairs = (before[:half], before[half:, None]), (after[:half], after[half:, None])
        return (
            near_loss(*pairs, widths)
            + pair_loss(before[:half], after[:half], widths)
            + (after - before).abs().mean()  # L_rec, Eq. 3
        )

    def supervised() -> torch.Tensor:
        """Eq. 6."""
        rows = torch.randperm(len(queries), generator=draws)[: settings.batch]
        return unsupervised() + rank_loss(mlp(queries[rows]), mlp(positives[rows]), widths)

    for loss in (unsupervised, supervised)[: 2 if len(queries) else 1]:
        descend(mlp, loss, settings, progress)
    return {name: np.ascontiguousarray(weight.numpy()) for name, weight in mlp._asdict().items()}

"""`smec`: SMEC-style (Zhang et al., EMNLP 2025, 2510.12474). There is no official code; we saw others' accounts.

Sequential (SMRL): from the widest to the shortest, each step from width a to the next width b is a stage with a layer
of its own (a, a), trained by the losses at a and at b alone, and then frozen. Adaptive dimension selection (ADS): which
b of the layer's a outputs are kept is learned by logits with Gumbel noise, hard in the forward pass and soft in the
backward (straight-through). Selectable cross-batch memory (S-XBM): rows of earlier batches are kept as the frozen
encoder gave them; of these each row's nearest join the batch, and their cosines are to stay what they were.

Where we depart, so that one vector with prefixes serves all widths: a stage's selected outputs are moved to the front,
so that the next stage works on a prefix; and its layer's outputs take the place of its inputs in the wider prefixes,
too, which were frozen before. Layers begin as the identity, logits with a lead for the first b. With pairs, L_rank
(2407.20243, Eq. 5) is added. All layers being linear, what comes out is one matrix.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mrl_search.adapters.losses import near_loss, pair_loss, rank_loss
from mrl_search.adapters.material import Material, Settings, descend, generator
from mrl_search.progress import Bar
from mrl_search.vectors import Vectors

if TYPE_CHECKING:
    import torch

_MEMORY = 2048  # rows
_NEAREST = 4  # of them, for each row of a batch
_TEMPERATURE = 1.0
_PACE = 50.0  # the rate is one for matrices; logits must outgrow noise of variance 1.6 in some hundred steps
_LEAD = 2.0  # of those that a cut would keep, so that a stage begins near it; beside noise, one in eight loses it
_FAR = 1e-9


@dataclass(frozen=True)
class _Sides:
    """texts: (n, D) rows without labels. staged: (n, wide), what the stages before made of them.

    queries, positives: (m, wide), the same of pairs in step.
    """

    texts: "torch.Tensor"
    staged: "torch.Tensor"
    queries: "torch.Tensor"
    positives: "torch.Tensor"


def smec(material: Material, settings: Settings, progress: Bar) -> dict[str, Vectors]:
    """Stages from the full width to the shortest, each as long as the settings say."""
    import torch

    draws = generator(settings.seed)
    texts, *pairs = map(torch.from_numpy, (material.texts, material.queries, material.positives))
    whole = torch.eye(material.dim)
    for wide, short in pairwise((material.dim, *reversed(settings.widths))):
        layer, logits = torch.eye(wide), torch.zeros(wide)
        logits[:short] = _LEAD / _PACE
        ahead = whole[:wide]  # (wide, D): all stages before, which are frozen
        sides = _Sides(texts, *(rows @ ahead.T for rows in (texts, *pairs)))
        descend([layer, logits], _stage_loss(sides, (layer, logits), short, settings.batch, draws), settings, progress)
        whole[:wide] = layer[selected_first(logits, short)] @ ahead
    return {"matrix": np.ascontiguousarray(whole.numpy())}


def selected_first(logits: "torch.Tensor", count: int) -> "torch.Tensor":
    """(a,) places: of the `count` largest logits, ascending, then of the others, ascending."""
    import torch

    chosen = torch.zeros(len(logits), dtype=torch.bool)
    chosen[torch.sort(logits, descending=True, stable=True).indices[:count]] = True
    return torch.cat([chosen.nonzero().flatten(), (~chosen).nonzero().flatten()])


def gates(logits: "torch.Tensor", count: int, draws: "torch.Generator") -> "torch.Tensor":
    """(a,): 1 for the `count` largest of 50 · logits + Gumbel noise, 0 for the others; gradients are a softmax's.

    Top-k by Gumbel noise draws without replacement by the softmax's odds (Kool, van Hoof & Welling 2019).
    """
    import torch

    uniform = torch.rand(logits.shape, generator=draws).clamp_(_FAR, 1 - 1e-7)
    noisy = _PACE * logits - torch.log(-torch.log(uniform))
    soft = (noisy / _TEMPERATURE).softmax(0) * count
    hard = torch.zeros_like(soft)
    hard[noisy.topk(count).indices] = 1
    return hard + soft - soft.detach()


def nearest_held(texts: "torch.Tensor", places: "torch.Tensor", memory: "torch.Tensor") -> "torch.Tensor":
    """(batch, k) places in the memory of each row's nearest others, each once, however often they are held."""
    import torch

    held: torch.Tensor = torch.unique(memory)
    cosines = texts[places] @ texts[held].T
    cosines[places[:, None] == held] = -2
    return held[cosines.topk(min(_NEAREST, len(held) - 1), dim=1).indices]


def _stage_loss(
    sides: _Sides, weights: "tuple[torch.Tensor, torch.Tensor]", short: int, batch: int, draws: "torch.Generator"
) -> "Callable[[], torch.Tensor]":
    """The loss of the stage of this layer and these logits, at its own width and at `short`; drawn anew a call."""
    import torch

    layer, logits = weights
    memory: list[torch.Tensor] = []  # places among the texts

    def views(rows: torch.Tensor, kept: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(…, wide) rows after the layer, and what is selected of them: zeros add nothing to a cosine."""
        after = rows @ layer.T
        return after, after * kept

    def loss() -> torch.Tensor:
        kept, wide = gates(logits, short, draws), (len(logits),)
        places = torch.randperm(len(sides.texts), generator=draws)[:batch]
        rows = sides.texts[places]
        near = nearest_held(sides.texts, places, torch.cat(memory) if memory else places)
        total = torch.zeros(())
        for after in views(sides.staged[torch.cat([places[:, None], near], 1)], kept):
            total = total + near_loss((rows, sides.texts[near]), (after[:, 0], after[:, 1:]), wide)
            total = total + pair_loss(rows, after[:, 0], wide)
        if len(sides.queries):
            pairs = torch.randperm(len(sides.queries), generator=draws)[:batch]
            for queries, positives in zip(*(views(side[pairs], kept) for side in _pairs(sides)), strict=True):
                total = total + rank_loss(queries, positives, wide)
        memory.append(places)
        del memory[: -max(1, _MEMORY // len(places))]
        return total

    return loss


def _pairs(sides: _Sides) -> "tuple[torch.Tensor, torch.Tensor]":
    return sides.queries, sides.positives

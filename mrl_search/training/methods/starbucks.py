"""Starbucks: a few fixed sizes, each with its loss, and the small ones' scores drawn to the full model's."""

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional

from mrl_search.training.methods.sub_models import Features, SubModels, cut
from mrl_search.training.noting import Parts
from mrl_search.training.train_recipe import Arm


class Starbucks(nn.Module):
    """Starbucks Representation Learning (2410.13230, §3.1), as `retrieval/modeling.py` of ielab/Starbucks computes it:

        L = Σ_(l,d) w · [ loss(v_(l,d)) + a · KL( softmax(s_full / T) ‖ softmax(s_(l,d) / T) ) ]

    v_(l,d) are the first d dims of the vectors of the first l layers; s are the scores of each first text with all
    others of the batch, (b, m), and the full model's get no gradient from it, nor has its own
    size a KL. w = a = 1 and T = 1 / scale there, where
    the loss is InfoNCE; here it is the recipe's.
    Where it departs: scores are cosines of re-normalised prefixes, as everywhere here, not inner products; of scored
    pairs too the scores' distribution is compared, where their `sts/` compares softmaxes over coordinates and lets the
    full model's follow. Their pre-training (SMAE, §3.2) is not part of it: the base is taken as it is.
    """

    def __init__(self, model: SentenceTransformer, base: Any, arm: Arm, scale: float) -> None:
        super().__init__()
        self.model, self.base = model, base
        self._sizes = tuple(zip(arm.layers, arm.dims, arm.scaled_weights, strict=True))
        self._sub_models = SubModels(model, arm.layers, arm.name)
        self._alignment, self._temperature = arm.alignment, arm.temperature or 1 / scale
        self.noted = Parts()

    def forward(self, features: Features, labels: Tensor) -> Tensor:
        """The sum over all sizes."""
        columns = self._sub_models.columns(self.model, features)
        depth, width, _ = self._sizes[-1]
        teacher = scores(cut(columns[depth], width)).detach()
        total = torch.zeros((), device=teacher.device)
        for layers, dim, weight in self._sizes:
            sides = cut(columns[layers], dim)
            loss = self.base.compute_loss_from_embeddings(sides, labels)
            full = layers == depth
            self.noted.note(f"loss@{dim}" if full else f"loss@{layers}:{dim}", loss)
            if not full and self._alignment:
                divergence = score_divergence(scores(sides), teacher, self._temperature)
                self.noted.note(f"divergence@{layers}:{dim}", divergence)
                loss = loss + self._alignment * divergence
            total = total + weight * loss
        self.noted.note("loss", total)
        return total

    def get_config_dict(self) -> dict[str, Any]:
        """For sentence-transformers' model card, from which an encoder's trained widths are read."""
        layers, dims, weights = (list(told) for told in zip(*self._sizes, strict=True))
        told: dict[str, Any] = {"layers": layers, "matryoshka_dims": dims, "weights": weights}
        return {
            "loss": type(self.base).__name__,
            **told,
            "alignment": self._alignment,
            "temperature": self._temperature,
        }


def scores(columns: list[Tensor]) -> Tensor:
    """(b, m) cosines of the first column's unit vectors with those of all others, in their order."""
    return columns[0].float() @ torch.cat(columns[1:]).float().T


def score_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL(teacher ‖ student) of the softmaxes of (b, m) scores along the rows, meaned over the rows."""
    told, wanted = (functional.log_softmax(values / temperature, dim=1) for values in (student, teacher))
    return functional.kl_div(told, wanted, reduction="batchmean", log_target=True)

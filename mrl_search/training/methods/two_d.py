"""2DMSE: the whole model and one drawn sub-model a step, each at full width and at one drawn width."""

import random
from typing import Any

from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional

from mrl_search.encoders import layer_count
from mrl_search.errors import TrainingError
from mrl_search.training.methods.sub_models import Features, SubModels, cut
from mrl_search.training.noting import Parts
from mrl_search.training.train_recipe import Arm


class TwoD(nn.Module):
    """2D Matryoshka Sentence Embeddings (2402.14776v1, §3.2 to 3.4): with n of 1 … N-1 and d of dims drawn each step,

        L = loss(v_(N,D)) + loss(v_(n,D)) + loss(v_(N,d)) + loss(v_(n,d))
            + a · T · KL( softmax(v_(N,D) / T) ‖ softmax(v_(n,D) / T) )

    v_(n,d) are the first d dims of the vectors of the first n layers, N and D all; the softmaxes are over the
    coordinates of the whole vectors. a = T = 1, as in the authors' code (SeanLee97/AnglE at 347bbb6).
    Where it departs: the deep vectors get no gradient from the divergence; the sub-model's losses are not divided by n
    nor the divergence multiplied by ln(n + 2), as that code has it and the paper not; a model that ends in unit vectors
    is compared by these, whose softmaxes are nearly flat. The loss that later papers call 2DMSE, sentence-transformers'
    Matryoshka2dLoss, draws a width in place of D at either depth (`adaptive_layer.matryoshka_2d`).
    """

    def __init__(self, model: SentenceTransformer, base: Any, arm: Arm) -> None:
        super().__init__()
        self.model, self.base = model, base
        self._depth = layer_count(model)
        if self._depth < 2:
            raise TrainingError(f"{arm.method} draws earlier layers, and the base has one; take method = 'mrl'")
        self._sub_models = SubModels(model, range(1, self._depth + 1), arm.name)
        self._dims, self._alignment, self._temperature = arm.dims, arm.alignment, arm.temperature or 1.0
        self.noted = Parts()

    def forward(self, features: Features, labels: Tensor) -> Tensor:
        """Draws layer and width from Python's own generator, whose state is in every checkpoint."""
        shallow, dim = random.randint(1, self._depth - 1), random.choice(self._dims[:-1])  # noqa: S311
        columns = self._sub_models.columns(self.model, features)
        full = self._dims[-1]
        sizes = {
            f"loss@{full}": (self._depth, full),
            "loss@drawn layer": (shallow, full),
            "loss@drawn width": (self._depth, dim),
            "loss@both": (shallow, dim),
        }
        apart = divergence(columns[shallow], columns[self._depth], self._temperature)
        total = self._temperature * self._alignment * apart
        self.noted.note("divergence", total)
        for name, (depth, width) in sizes.items():
            loss = self.base.compute_loss_from_embeddings(cut(columns[depth], width), labels)
            self.noted.note(name, loss)
            total = total + loss
        self.noted.note("drawn layer", shallow)
        self.noted.note("drawn width", dim)
        self.noted.note("loss", total)
        return total

    def get_config_dict(self) -> dict[str, Any]:
        """For sentence-transformers' model card, from which an encoder's trained widths are read."""
        told = {"matryoshka_dims": list(self._dims), "alignment": self._alignment, "temperature": self._temperature}
        return {"loss": type(self.base).__name__, **told}


def divergence(student: list[Tensor], teacher: list[Tensor], temperature: float) -> Tensor:
    """KL(teacher ‖ student) of the softmaxes over the coordinates of (b, D) vectors, meaned over all columns' texts."""
    rows = []
    for told, wanted in zip(student, teacher, strict=True):
        logs = [functional.log_softmax(v.float() / temperature, dim=1) for v in (told, wanted.detach())]
        rows.append(functional.kl_div(logs[0], logs[1], reduction="batchmean", log_target=True))
    return sum(rows[1:], rows[0]) / len(rows)

"""The loss of an arm: sentence-transformers' own, added up over widths or sizes, with each one's share noted.

A baseline is the same sum over one width, so that the twins' steps run the same code.
"""

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses
from torch import Tensor, nn
from torch.nn import functional

from mrl_search.errors import TrainingError
from mrl_search.training.methods import Smae, Starbucks, TwoD, adaptive_layer, matryoshka_2d
from mrl_search.training.methods.sub_models import Features
from mrl_search.training.noting import Noted, PerWidth
from mrl_search.training.train_recipe import Arm, TrainRecipe


class Classifier(nn.Module):
    """Softmax cross-entropy over (u, v, |u − v|), with a classifier for each width, or the first columns of one.

    MRL and MRL-E of 2205.13147, §3, with the features of Sentence-BERT (1908.10084, §3.1). A classifier is what makes
    the two differ: a loss of cosines has no weights of its own to tie.
    """

    def __init__(self, model: SentenceTransformer, labels: int, dims: tuple[int, ...], *, tied: bool) -> None:
        super().__init__()
        self.model = model
        self._full = max(dims)
        self._tied = nn.Linear(3 * self._full, labels) if tied else None
        self._own = nn.ModuleDict({} if tied else {str(dim): nn.Linear(3 * dim, labels) for dim in dims})

    def forward(self, features: Features, labels: Tensor) -> Tensor:
        """The mean cross-entropy of the batch, at the width of the vectors the model gives now."""
        return self.compute_loss_from_embeddings([self.model(one)["sentence_embedding"] for one in features], labels)

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """The same of vectors that are there, under the name that sentence-transformers' losses have for it."""
        first, second = embeddings
        dim = first.shape[1]
        parts = torch.stack((first, second, (first - second).abs()), dim=1)  # (b, 3, dim)
        if self._tied is None:
            logits = self._own[str(dim)](parts.flatten(1))
        else:
            weight = self._tied.weight.reshape(-1, 3, self._full)[:, :, :dim]  # (labels, 3, dim)
            logits = parts.flatten(1) @ weight.flatten(1).T + self._tied.bias
        return functional.cross_entropy(logits, labels.view(-1))


def objective(recipe: TrainRecipe, arm: Arm, model: SentenceTransformer, labels: int = 0) -> tuple[nn.Module, Noted]:
    """(loss of the arm, who notes its parts). labels: how many classes there are, for softmax.

    Raises TrainingError for a width beyond the model's, and for layers that it has not got.
    """
    width = model.get_embedding_dimension()
    if arm.dims[-1] > width:
        raise TrainingError(
            f"the arm {arm.name} asks for {arm.dims[-1]} dims, {recipe.base} gives {width}; end its dims at {width}"
        )
    if arm.method == "smae":
        rebuilt = Smae(model, arm)
        return rebuilt, rebuilt.noted
    base = _base(recipe, arm, model, labels)
    if arm.method == "starbucks":
        loss = Starbucks(model, base, arm, recipe.scale)
        return loss, loss.noted
    if arm.method == "2dmse":
        drawn = TwoD(model, base, arm)
        return drawn, drawn.noted
    if arm.method == "matryoshka2d":
        return matryoshka_2d(model, base, arm)
    noted = PerWidth(base, arm.dims, arm.scaled_weights)
    widths = losses.MatryoshkaLoss(model, base, list(arm.dims), list(arm.scaled_weights))
    return adaptive_layer(model, widths, noted) if arm.method == "adaptive-layer" else (widths, noted)


def _base(recipe: TrainRecipe, arm: Arm, model: SentenceTransformer, labels: int) -> nn.Module:
    base: nn.Module
    if recipe.loss == "cosent":
        base = losses.CoSENTLoss(model, scale=recipe.scale)
    elif recipe.loss == "softmax":
        base = Classifier(model, labels, arm.dims, tied=recipe.head == "tied")
    elif recipe.loss == "distil":
        base = losses.DistillKLDivLoss(model)
    elif recipe.mini_batch:
        base = losses.CachedMultipleNegativesRankingLoss(model, scale=recipe.scale, mini_batch_size=recipe.mini_batch)
    else:
        base = losses.MultipleNegativesRankingLoss(model, scale=recipe.scale)
    return base

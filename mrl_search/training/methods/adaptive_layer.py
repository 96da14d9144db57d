"""What sentence-transformers has itself for several layers: its losses, as they are."""

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses
from torch import nn

from mrl_search.training.noting import Noted, Whole
from mrl_search.training.train_recipe import Arm


def adaptive_layer(model: SentenceTransformer, widths: nn.Module, last: Noted) -> tuple[nn.Module, Noted]:
    """AdaptiveLayerLoss around the sum over widths: the last layer's, a drawn earlier one's, and a divergence.

    2402.14776 for layers alone, as the library has it: the divergence is of softmaxes over coordinates at temperature
    .3, with the last layer detached. It counts what comes before the first layer, the word embeddings, as one of those
    that are drawn. last: notes the last layer's losses, which come first.
    """
    loss = losses.AdaptiveLayerLoss(model, widths)
    return loss, Whole(loss, last)


def matryoshka_2d(model: SentenceTransformer, base: nn.Module, arm: Arm) -> tuple[nn.Module, Noted]:
    """Matryoshka2dLoss: as AdaptiveLayerLoss, with one drawn width, of all the arm's, at either depth.

    What 2410.13230 trains and calls 2DMSE (`sts/train_2d_matryoshka.py`). Full width is trained only when it is drawn.
    """
    loss = losses.Matryoshka2dLoss(model, base, list(arm.dims))
    return loss, Whole(loss)

"""`linear-mrl` and `linear-baseline`: one matrix, trained by pairs at all widths, or at the full one alone.

The cheapest fair pair: the same matrix, pairs, order, steps and loss; only the widths differ. Both begin as the
identity. MRL's own retrofit of a linear layer to a frozen network failed (2205.13147, appendix K.1); this is that
question, asked of text encoders.
"""

from mrl_search.adapters.losses import contrastive_loss
from mrl_search.adapters.material import Material, Settings, descend, generator
from mrl_search.progress import Bar
from mrl_search.vectors import Vectors

_SCALE = 20.0  # sentence-transformers' default, as in training


def linear_mrl(material: Material, settings: Settings, progress: Bar) -> dict[str, Vectors]:
    """Trained at the asked widths and the full one; the mean of their losses."""
    return _trained(material, settings, (*settings.widths, material.dim), progress)


def linear_baseline(material: Material, settings: Settings, progress: Bar) -> dict[str, Vectors]:
    """Trained at the full width."""
    return _trained(material, settings, (material.dim,), progress)


def _trained(material: Material, settings: Settings, widths: tuple[int, ...], progress: Bar) -> dict[str, Vectors]:
    import torch

    draws, matrix = generator(settings.seed), torch.eye(material.dim)
    queries, positives = torch.from_numpy(material.queries), torch.from_numpy(material.positives)

    def loss() -> torch.Tensor:
        rows = torch.randperm(len(queries), generator=draws)[: settings.batch]
        sides = queries[rows] @ matrix.T, positives[rows] @ matrix.T
        return contrastive_loss(*sides, widths, _SCALE) / len(widths)

    descend([matrix], loss, settings, progress)
    return {"matrix": matrix.numpy()}

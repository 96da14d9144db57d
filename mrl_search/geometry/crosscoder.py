"""A dictionary that two models share: which of its directions only one of them has.

A BatchTopK crosscoder (Lindsey et al. 2024; Minder et al. 2025, 2504.02922, §2–3) of paired sentence vectors. One code
f of a text, sparse and not negative, says both vectors: x̂ᵐ = Σ f_j d_jᵐ + bᵐ. A penalty on decoders would shrink some
to nothing (Complete Shrinkage, Latent Decoupling, ibid. §2.2), so what is sparse is the batch: of all the
f_j (‖d_jᴬ‖ + ‖d_jᴮ‖) in it, the batch · k largest are kept; when trained, all texts are one batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mrl_search.geometry.moments import Reals
from mrl_search.vectors import Vectors

if TYPE_CHECKING:
    from torch import Tensor

_ONE_SIDED = 0.1
_BY_ERROR, _BY_RECONSTRUCTION = 0.2, 0.5
_TEXTS, _SHOWN = 3, 5
_HELD_OUT = 5  # of five texts one
_ALIVE = 10  # texts


@dataclass(frozen=True)
class CrosscoderRecipe:
    """latents: of the dictionary. k: of a text, on average. rate: of Adam, falling to nothing over the last fifth."""

    latents: int = 1024
    k: int = 16
    steps: int = 600
    batch: int = 512
    rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True)
class Exclusive:
    """A latent that one model alone seems to have. share: Δ, 0 of the first model's alone, 1 of the second's alone.

    by_error, by_reconstruction: how much of it the other model has all the same, ν^ε and ν^r (see `scalings`).
    texts: those that have most of it.
    """

    latent: int
    share: float
    by_error: float
    by_reconstruction: float
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Crosscoded:
    """alive: latents that more than ten texts have. first, second, shared: of these, by decoder norms, Δ below .1,
    above .9 and between .4 and .6. surely: those of the first two that the other model has little of by latent scaling.

    explained: of both models' variance, on a fifth of the texts that was not trained on. exclusive: the loudest five.
    """

    latents: int
    k: int
    alive: int
    explained: tuple[float, ...]
    first: int
    second: int
    shared: int
    surely_first: int
    surely_second: int
    exclusive: tuple[Exclusive, ...]


class Dictionary(NamedTuple):
    """codes: (n, l) of the texts. decoders, biases, inputs: by model, (l, D), (D,) and (n, D)."""

    codes: Reals
    decoders: tuple[Reals, Reals]
    biases: tuple[Reals, Reals]
    inputs: tuple[Reals, Reals]

    def reconstruction(self, model: int) -> Reals:
        """(n, D)."""
        rows: Reals = self.codes @ self.decoders[model] + self.biases[model]
        return rows


def crosscoded(first: Vectors, second: Vectors, texts: Sequence[str], recipe: CrosscoderRecipe) -> Crosscoded:
    """Trains a crosscoder on (n, D) and (n, E) vectors of the same n texts, and says what is whose."""
    found = trained(first, second, recipe)
    alive = (found.codes > 0).sum(axis=0) > _ALIVE
    share = sides(*found.decoders)
    one, other = alive & (share < _ONE_SIDED), alive & (share > 1 - _ONE_SIDED)
    error, reconstruction = scalings(found, share)
    sure = (error < _BY_ERROR) & (reconstruction < _BY_RECONSTRUCTION)
    lengths = np.maximum(*(np.linalg.norm(each, axis=1) for each in found.decoders))
    loudness = found.codes.sum(axis=0) * lengths  # of what it adds: a code alone is large where its decoder is small
    loudest = sorted(np.flatnonzero(one | other).tolist(), key=lambda latent: -loudness[latent])
    held = np.arange(len(first)) % _HELD_OUT == 0
    return Crosscoded(
        latents=recipe.latents,
        k=recipe.k,
        alive=int(alive.sum()),
        explained=tuple(_explained(found, model, held) for model in (0, 1)),
        first=int(one.sum()),
        second=int(other.sum()),
        shared=int((alive & (np.abs(share - 0.5) < _ONE_SIDED)).sum()),
        surely_first=int((one & sure).sum()),
        surely_second=int((other & sure).sum()),
        exclusive=tuple(
            Exclusive(
                latent,
                float(share[latent]),
                float(error[latent]),
                float(reconstruction[latent]),
                tuple(texts[row] for row in np.argsort(-found.codes[:, latent], kind="stable")[:_TEXTS]),
            )
            for latent in loudest[:_SHOWN]
        ),
    )


def sides(first: Reals, second: Reals) -> Reals:
    """(l,): Δ = ½ ((‖dᴮ‖ − ‖dᴬ‖) / max + 1) of each latent's two decoders: 0 the first's alone, ½ shared."""
    one, other = (np.linalg.norm(each, axis=1) for each in (first, second))
    larger = np.maximum(np.maximum(one, other), 1e-12)
    share: Reals = 0.5 * ((other - one) / larger + 1)
    return share


def scalings(found: Dictionary, share: Reals) -> tuple[Reals, Reals]:
    """(l,) twice: ν^ε and ν^r of each latent (Minder et al. 2025, §3.1, and the authors' compute_scalers.py).

    β = Σ f_j v_j·y / Σ f_j² ‖v_j‖² is the best size of the latent, along its own model's decoder v_j, in targets y: in
    what is left of a model's vectors by all other latents (ε), in their reconstruction (r). ν is the other model's β
    over its own. ε tells of a latent that was shrunk away, r of one that others stand in for.
    """
    own = np.where((share > 0.5)[:, None], found.decoders[1], found.decoders[0])
    squares = np.square(found.codes).sum(axis=0)
    errors, reconstructions = [], []
    for model in (0, 1):
        whole = found.reconstruction(model)
        left = found.codes.T @ (found.inputs[model] - whole)  # (l, D)
        kept = squares * (own * found.decoders[model]).sum(axis=1)  # the latent's own part is put back
        errors.append((left * own).sum(axis=1) + kept)
        reconstructions.append(((found.codes.T @ whole) * own).sum(axis=1))
    return _ratio(errors, share), _ratio(reconstructions, share)


def _ratio(sizes: Sequence[Reals], share: Reals) -> Reals:
    """The other model's over the own one's, as their denominator is the same; 1 of a latent its own does not use."""
    second = share > 0.5
    own, other = np.where(second, sizes[1], sizes[0]), np.where(second, sizes[0], sizes[1])
    ratio: Reals = np.divide(other, own, out=np.ones(len(own)), where=own > 0)
    return ratio


def _explained(found: Dictionary, model: int, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    given = found.inputs[model][rows]
    left = given - found.reconstruction(model)[rows]
    return float(1 - np.square(left).sum() / np.square(given - given.mean(axis=0)).sum())


def trained(first: Vectors, second: Vectors, recipe: CrosscoderRecipe) -> Dictionary:
    """The dictionary after training on four of five rows; each model's rows are centred and of mean square length 1."""
    import torch

    torch.manual_seed(recipe.seed)
    inputs = [torch.from_numpy(_scaled(rows)).float() for rows in (first, second)]
    given = torch.cat(inputs, dim=1)  # (n, D + E)
    cut = inputs[0].shape[1]
    decoder = torch.randn(recipe.latents, given.shape[1])
    decoder = torch.nn.Parameter(0.3 * decoder / decoder.norm(dim=1, keepdim=True))
    encoder = torch.nn.Parameter(decoder.detach().T.clone() / 0.3)
    bias, offset = (torch.nn.Parameter(torch.zeros(count)) for count in (recipe.latents, given.shape[1]))
    optimizer = torch.optim.Adam([encoder, decoder, bias, offset], lr=recipe.rate)
    rows = torch.tensor([row for row in range(len(given)) if row % _HELD_OUT])
    for step in range(recipe.steps):
        batch = given[rows[torch.randint(len(rows), (min(recipe.batch, len(rows)),))]]
        codes = _codes(batch, encoder, bias, decoder, cut, recipe.k)
        loss = (batch - codes @ decoder - offset).square().sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        for group in optimizer.param_groups:  # to nothing, over the last fifth
            group["lr"] = recipe.rate * min(1.0, 5 * (1 - (step + 1) / recipe.steps))
    with torch.no_grad():
        codes = _codes(given, encoder, bias, decoder, cut, recipe.k)
    return Dictionary(
        _array(codes),
        (_array(decoder[:, :cut]), _array(decoder[:, cut:])),
        (_array(offset[:cut]), _array(offset[cut:])),
        (_array(inputs[0]), _array(inputs[1])),
    )


def _array(tensor: "Tensor") -> Reals:
    values: Reals = tensor.detach().double().numpy()
    return values


def _scaled(rows: Vectors) -> Reals:
    centred: Reals = rows - rows.mean(axis=0, dtype=np.float64)
    scaled: Reals = centred / np.sqrt(np.square(centred).sum(axis=1).mean())
    return scaled


def _codes(batch: "Tensor", encoder: "Tensor", bias: "Tensor", decoder: "Tensor", cut: int, k: int) -> "Tensor":
    """(b, l): the b · k largest of the batch, by what they add to both reconstructions; 0 elsewhere."""
    codes = (batch @ encoder + bias).relu()
    weight = decoder[:, :cut].norm(dim=1) + decoder[:, cut:].norm(dim=1)
    scores = codes.detach() * weight.detach()
    keep = min(len(batch) * k, scores.numel())
    least = scores.flatten().kthvalue(scores.numel() - keep + 1).values
    kept: Tensor = codes * (scores >= least)
    return kept

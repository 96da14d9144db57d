"""How good the arms of a study are at every width, what each width keeps, and how arms differ from the first."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mrl_search.device import Device
from mrl_search.encoders import EncoderSpec, cached, load_encoder
from mrl_search.eval import (
    ComparedArm,
    EvalOptions,
    EvalRecipe,
    Kept,
    Measured,
    evaluate,
    paired,
    redraws,
    resampled,
    resampled_share,
    shares,
)
from mrl_search.training.sts import scored_pairs, similarities, spearman
from mrl_search.training.train_recipe import Judged, TrainRecipe
from mrl_search.training.trainer import TrainOptions

NDCG, SPEARMAN = "nDCG@10", "Spearman"
Models: TypeAlias = dict[tuple[str, int], Path]
"""(arm, seed) → the folder of the encoder."""
_Correlations: TypeAlias = dict[int, list[NDArray[np.float64]]]
"""Width → one array a seed: of all pairs, and then of each resample."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class Compares(Protocol):
    """A recipe whose arms are compared with the first."""

    @property
    def arms(self) -> Sequence[_Named]:
        """The first is what others are compared with."""

    @property
    def judged(self) -> Judged:
        """Its margin is that of the tests."""


class Similar(NamedTuple):
    """What `similarity` found of scored pairs."""

    measured: list[Measured]
    compared: list[ComparedArm]
    kept: list[Kept]


def retrieval(recipe: TrainRecipe, root: Path, models: Models, options: TrainOptions) -> Iterator[Measured]:
    """nDCG@10 of exact search at every width, with each rotation; the texts are encoded once for all of them."""
    for dataset in recipe.judged.datasets:
        for (arm, seed), model in models.items():
            wanted = EvalRecipe(
                dataset,
                encoders=(_spec(recipe, model),),
                dims=recipe.widths,
                funnels=(),
                measures=(NDCG,),
                rotations=recipe.judged.rotations,
            )
            told = EvalOptions(data=root / recipe.judged.folder, progress=options.progress, device=options.device)
            for report in evaluate(wanted, told).reports:
                dim = int(report.funnel.partition(":")[0])
                values = tuple(round(value, 6) for _, value in sorted(report.per_query[NDCG].items()))
                yield Measured(dataset, NDCG, report.rotation, arm, seed, dim, report.mean[NDCG], values)


def compared(recipe: Compares, measured: Sequence[Measured]) -> Iterator[ComparedArm]:
    """Each arm less the first at each width, by the paired randomisation test and TOST over queries."""
    first = recipe.arms[0].name
    found = _by_width(measured)
    for (dataset, rotation, arm), values in found.items():
        if arm != first:
            for dim, ours in values.items():
                difference = paired(found[dataset, rotation, first][dim], ours, recipe.judged.margin)
                yield ComparedArm(dataset, NDCG, rotation, arm, dim, difference)


def kept(measured: Sequence[Measured]) -> Iterator[Kept]:
    """What each width has of the arm's own widest, queries redrawn; nothing of an arm that finds nothing."""
    for (dataset, rotation, arm), values in _by_width(measured).items():
        widest = values[max(values)]
        told = shares(np.stack(list(values.values())), np.stack([widest] * len(values)))
        for dim, share in zip(values, told, strict=True):
            if share is not None:
                yield Kept(dataset, NDCG, rotation, arm, dim, share)


def similarity(recipe: TrainRecipe, root: Path, models: Models, device: Device) -> Similar:
    """Spearman's correlation with the scores at each width, what each keeps, each arm less the first; pairs redrawn.

    Compared, and shares, are of the correlations meaned over the seeds.
    """
    found = Similar([], [], [])
    for name in recipe.judged.sts:
        first, second, scores = scored_pairs(root / name)
        for rotation in recipe.judged.rotations:
            correlations: dict[str, _Correlations] = {}
            for (arm, seed), model in models.items():
                encoder = cached(load_encoder(_spec(recipe, model), device))
                for dim, cosines in similarities(encoder, (first, second), recipe.widths, rotation).items():
                    told = np.append(spearman(cosines, scores), spearman(cosines, scores, redraws(len(scores))))
                    correlations.setdefault(arm, {}).setdefault(dim, []).append(told)
                    found.measured.append(Measured(name, SPEARMAN, rotation, arm, seed, dim, float(told[0])))
            means = {
                arm: {dim: np.mean(told, axis=0) for dim, told in by_dim.items()}
                for arm, by_dim in correlations.items()
            }
            where = (name, SPEARMAN, rotation)
            for arm, by_dim in means.items():
                for dim, ours in by_dim.items():
                    widest = by_dim[max(by_dim)]
                    if (widest > 0).all():  # else a share of it says nothing
                        share = ours / widest
                        found.kept.append(Kept(*where, arm, dim, resampled_share(share[1:], float(share[0]))))
                    if arm != recipe.arms[0].name:
                        more = ours - means[recipe.arms[0].name][dim]
                        difference = resampled(more[1:], float(more[0]), recipe.judged.margin)
                        found.compared.append(ComparedArm(*where, arm, dim, difference))
    return found


def _by_width(measured: Sequence[Measured]) -> dict[tuple[str, str, str], dict[int, NDArray[np.float64]]]:
    """(dataset, rotation, arm) → width → each query's value, meaned over the seeds."""
    seeds: dict[tuple[str, str, str], dict[int, list[tuple[float, ...]]]] = {}
    for one in measured:
        seeds.setdefault((one.dataset, one.rotation, one.arm), {}).setdefault(one.dim, []).append(one.per_query)
    return {
        key: {dim: np.mean(np.array(values), axis=0) for dim, values in by_dim.items()} for key, by_dim in seeds.items()
    }


def _spec(recipe: TrainRecipe, model: Path) -> EncoderSpec:
    return EncoderSpec(str(model), precision=recipe.judged.precision)

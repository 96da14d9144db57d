"""How good the arms of a study are at every size, what each size keeps, and how arms differ from their rivals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mrl_search.device import Device
from mrl_search.encoders import Encoder, EncoderSpec, cached, load_encoder
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
from mrl_search.training.sizes import Size, depths, rivals, spec_layers, widths
from mrl_search.training.sts import scored_pairs, similarities, spearman
from mrl_search.training.train_recipe import Arm, TrainRecipe
from mrl_search.training.trainer import TrainOptions

NDCG, SPEARMAN = "nDCG@10", "Spearman"
Models: TypeAlias = dict[tuple[str, int], Path]
"""(arm, seed) → the folder of the encoder."""
_Correlations: TypeAlias = dict[str, dict[Size, list[NDArray[np.float64]]]]
"""Arm → size → one array a seed: of all pairs, and then of each resample."""


class Similar(NamedTuple):
    """What `similarity` found of scored pairs."""

    measured: list[Measured]
    compared: list[ComparedArm]
    kept: list[Kept]


def retrieval(recipe: TrainRecipe, root: Path, models: Models, options: TrainOptions) -> Iterator[Measured]:
    """nDCG@10 of exact search at every size, with each rotation; the texts are encoded once for all of them."""
    for dataset in recipe.judged.datasets:
        for (name, seed), model in models.items():
            arm = recipe.arm(name)
            specs = {_spec(recipe, arm, model, layers): layers for layers in depths(recipe, arm)}
            wanted = EvalRecipe(
                dataset,
                encoders=tuple(specs),
                dims=widths(recipe, arm),
                funnels=(),
                measures=(NDCG,),
                rotations=recipe.judged.rotations,
            )
            told = EvalOptions(data=root / recipe.judged.folder, progress=options.progress, device=options.device)
            layers_of = {spec.label: layers for spec, layers in specs.items()}
            for report in evaluate(wanted, told).reports:
                dim = int(report.funnel.partition(":")[0])
                if dim not in wanted.dims:  # full width, which is always there to be compared with
                    continue
                values = tuple(round(value, 6) for _, value in sorted(report.per_query[NDCG].items()))
                where = (dataset, NDCG, report.rotation, name, seed, dim)
                yield Measured(*where, report.mean[NDCG], values, layers_of[report.encoder])


def compared(
    measured: Sequence[Measured], beside: Callable[[str], Mapping[Size, str]], margin: float
) -> Iterator[ComparedArm]:
    """Each arm less its rival at each size, by the paired randomisation test and TOST over queries.

    beside: an arm to the rivals it has, by size.
    """
    found = _by_size(measured)
    for (dataset, rotation, arm), values in found.items():
        rival_of = beside(arm)
        for size, rival in ((size, rival_of[size]) for size in values if size in rival_of):
            difference = paired(found[dataset, rotation, rival][size], values[size], margin)
            yield ComparedArm(dataset, NDCG, rotation, arm, size.dim, difference, size.layers, rival)


def kept(measured: Sequence[Measured]) -> Iterator[Kept]:
    """What each size has of the arm's own largest, queries redrawn; nothing of an arm that finds nothing."""
    for (dataset, rotation, arm), values in _by_size(measured).items():
        told = shares(np.stack(list(values.values())), np.stack([values[max(values)]] * len(values)))
        for size, share in zip(values, told, strict=True):
            if share is not None:
                yield Kept(dataset, NDCG, rotation, arm, size.dim, share, size.layers)


def similarity(recipe: TrainRecipe, root: Path, models: Models, device: Device) -> Similar:
    """Spearman's correlation with the scores at each size, what each keeps, each arm less its rival; pairs redrawn.

    Compared, and shares, are of the correlations meaned over the seeds.
    """
    found = Similar([], [], [])
    for name in recipe.judged.sts:
        by_rotation: dict[str, _Correlations] = {rotation: {} for rotation in recipe.judged.rotations}
        for one, told in _correlations(recipe, root, name, models, device):
            found.measured.append(one)
            arms = by_rotation[one.rotation]
            arms.setdefault(one.arm, {}).setdefault(Size(one.layers, one.dim), []).append(told)
        for rotation, arms in by_rotation.items():
            means = {
                arm: {size: np.mean(seeds, axis=0) for size, seeds in sizes.items()} for arm, sizes in arms.items()
            }
            _weigh(recipe, (name, SPEARMAN, rotation), means, found)
    return found


def _correlations(
    recipe: TrainRecipe, root: Path, name: str, models: Models, device: Device
) -> Iterator[tuple[Measured, NDArray[np.float64]]]:
    """Each arm, seed, rotation and size, with the correlation of all pairs and then of each resample: (1 + r,)."""
    first, second, scores = scored_pairs(root / name)
    counts = redraws(len(scores))
    for (arm, seed), model in models.items():
        for layers, encoder in _encoders(recipe, recipe.arm(arm), model, device):
            for rotation in recipe.judged.rotations:
                dims = widths(recipe, recipe.arm(arm))
                for dim, cosines in similarities(encoder, (first, second), dims, rotation).items():
                    told = np.append(spearman(cosines, scores), spearman(cosines, scores, counts))
                    where = (name, SPEARMAN, rotation, arm, seed, dim)
                    yield Measured(*where, float(told[0]), layers=layers), told


def _weigh(
    recipe: TrainRecipe,
    where: tuple[str, str, str],
    means: dict[str, dict[Size, NDArray[np.float64]]],
    found: Similar,
) -> None:
    """Adds what every size keeps, and how every arm differs from its rivals."""
    for arm, sizes in means.items():
        largest = sizes[max(sizes)]
        if (largest > 0).all():  # else a share of it says nothing
            for size, ours in sizes.items():
                share = ours / largest
                told = resampled_share(share[1:], float(share[0]))
                found.kept.append(Kept(*where, arm, size.dim, told, size.layers))
        for size, rival in rivals(recipe, recipe.arm(arm)).items():
            more = sizes[size] - means[rival][size]
            difference = resampled(more[1:], float(more[0]), recipe.judged.margin)
            found.compared.append(ComparedArm(*where, arm, size.dim, difference, size.layers, rival))


def _by_size(measured: Sequence[Measured]) -> dict[tuple[str, str, str], dict[Size, NDArray[np.float64]]]:
    """(dataset, rotation, arm) → size → each query's value, meaned over the seeds."""
    seeds: dict[tuple[str, str, str], dict[Size, list[tuple[float, ...]]]] = {}
    for one in measured:
        sizes = seeds.setdefault((one.dataset, one.rotation, one.arm), {})
        sizes.setdefault(Size(one.layers, one.dim), []).append(one.per_query)
    return {key: {size: np.mean(np.array(values), axis=0) for size, values in by.items()} for key, by in seeds.items()}


def _encoders(recipe: TrainRecipe, arm: Arm, model: Path, device: Device) -> Iterator[tuple[int | None, Encoder]]:
    """The arm's encoders of every depth; the first that is asked encodes for all of them."""
    specs = {layers: _spec(recipe, arm, model, layers) for layers in depths(recipe, arm)}
    for layers, spec in specs.items():
        yield layers, cached(load_encoder(spec, device, tuple(specs.values())))


def _spec(recipe: TrainRecipe, arm: Arm, model: Path, layers: int | None) -> EncoderSpec:
    return EncoderSpec(str(model), precision=recipe.judged.precision, layers=spec_layers(recipe, arm, layers))

"""How good the arms of a study are at every width, and how they differ from the first."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mrl_search.device import Device
from mrl_search.encoders import EncoderSpec, cached, load_encoder
from mrl_search.eval import EvalOptions, EvalRecipe, evaluate, paired, resampled
from mrl_search.training.result import Compared, Measured
from mrl_search.training.sts import scored_pairs, similarities, spearman
from mrl_search.training.train_recipe import TrainRecipe
from mrl_search.training.trainer import TrainOptions

NDCG, SPEARMAN = "nDCG@10", "Spearman"
Models: TypeAlias = dict[tuple[str, int], Path]
"""(arm, seed) → the folder of the encoder."""


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


def compared(recipe: TrainRecipe, measured: Sequence[Measured]) -> Iterator[Compared]:
    """Each arm less the first at each width, by the paired randomisation test and TOST over queries."""
    first = recipe.arms[0].name
    for key, values in _by_arm(measured).items():
        dataset, rotation, dim = key
        for arm, found in values.items():
            if arm != first:
                difference = paired(values[first], found, recipe.judged.margin)
                yield Compared(dataset, NDCG, rotation, arm, dim, difference)


def similarity(
    recipe: TrainRecipe, root: Path, models: Models, device: Device
) -> tuple[list[Measured], list[Compared]]:
    """Spearman's correlation with the scores at each width, and each arm less the first by a bootstrap over pairs.

    Compared are the cosines' correlations, meaned over the seeds.
    """
    measured: list[Measured] = []
    found: list[Compared] = []
    for name in recipe.judged.sts:
        first, second, scores = scored_pairs(root / name)
        for rotation in recipe.judged.rotations:
            cosines = {
                key: similarities(
                    cached(load_encoder(_spec(recipe, model), device)), (first, second), recipe.widths, rotation
                )
                for key, model in models.items()
            }
            for (arm, seed), by_width in cosines.items():
                for dim, values in by_width.items():
                    measured.append(Measured(name, SPEARMAN, rotation, arm, seed, dim, spearman(values, scores)))
            for arm in (arm.name for arm in recipe.arms[1:]):
                for dim in recipe.widths:
                    ours, theirs = (
                        [cosines[name_of, seed][dim] for seed in recipe.seeds] for name_of in (arm, recipe.arms[0].name)
                    )
                    differ = partial(_correlations_differ, theirs, ours, scores)
                    difference = resampled(differ, len(scores), recipe.judged.margin)
                    found.append(Compared(name, SPEARMAN, rotation, arm, dim, difference))
    return measured, found


def _correlations_differ(
    first: Sequence[NDArray[np.float64]],
    second: Sequence[NDArray[np.float64]],
    scores: NDArray[np.float64],
    some: NDArray[np.int64],
) -> float:
    return float(
        np.mean([spearman(values[some], scores[some]) for values in second])
        - np.mean([spearman(values[some], scores[some]) for values in first])
    )


def _by_arm(measured: Sequence[Measured]) -> dict[tuple[str, str, int], dict[str, NDArray[np.float64]]]:
    """(dataset, rotation, width) → arm → each query's value, meaned over the seeds."""
    seeds: dict[tuple[str, str, int], dict[str, list[tuple[float, ...]]]] = {}
    for one in measured:
        key = (one.dataset, one.rotation, one.dim)
        seeds.setdefault(key, {}).setdefault(one.arm, []).append(one.per_query)
    return {
        key: {arm: np.mean(np.array(values), axis=0) for arm, values in by_arm.items()} for key, by_arm in seeds.items()
    }


def _spec(recipe: TrainRecipe, model: Path) -> EncoderSpec:
    return EncoderSpec(str(model), precision=recipe.judged.precision)

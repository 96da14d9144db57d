"""All arms of a recipe, every seed: trained, measured at every size with and without rotation, and compared."""

import dataclasses
import json
from pathlib import Path

from mrl_search.device import Device
from mrl_search.encoders import EncoderSpec, cached, load_encoder
from mrl_search.errors import RecipeError
from mrl_search.eval import Study
from mrl_search.provenance import provenance
from mrl_search.training.card import add_section
from mrl_search.training.dynamics import Row, read_rows
from mrl_search.training.measuring import Models, compared, kept, retrieval, similarity
from mrl_search.training.negatives import teacher_scores, with_negatives
from mrl_search.training.sizes import check_depths, rivals
from mrl_search.training.speed import texts_per_second
from mrl_search.training.study_table import markdown
from mrl_search.training.train_recipe import TrainRecipe
from mrl_search.training.trainer import (
    CARD,
    CURVES,
    FACTS,
    MODEL,
    TrainOptions,
    train_arm,
)
from mrl_search.training.training_device import check_precision, training_device
from mrl_search.training.training_set import TrainingSet, training_set


def study(recipe: TrainRecipe, root: Path, out: Path, options: TrainOptions | None = None) -> Study:
    """Trains every arm with every seed into `out/ARM-seedN/` and measures them; what is whole there is not done again.

    root: where the recipe's paths begin. Raises as `training_set`, `train_arm` and `evaluate`.
    """
    options = options or TrainOptions()
    if not (recipe.judged.datasets or recipe.judged.sts):
        raise RecipeError(
            "[judged] names nothing to compare the arms on; name datasets or sts, or train without --pair"
        )
    device = training_device(options.device)
    check_depths(recipe)
    data = prepared(recipe, root, options)
    folders = {
        (arm.name, seed): train_arm(recipe, arm, seed, data, out / f"{arm.name}-seed{seed}", options)
        for seed in recipe.seeds
        for arm in recipe.arms
    }
    models: Models = {key: folder / MODEL for key, folder in folders.items()}
    judged = tuple(retrieval(recipe, root, models, options))
    similar = similarity(recipe, root, models, device)
    found = Study(
        recipe=dataclasses.asdict(recipe),
        sources=data.sources,
        overlaps=data.overlaps,
        measured=(*judged, *similar.measured),
        compared=(
            *compared(judged, lambda name: rivals(recipe, recipe.arm(name)), recipe.judged.margin),
            *similar.compared,
        ),
        kept=(*kept(judged), *similar.kept),
        step_seconds={folder.name: _step_seconds(folder) for folder in folders.values()},
        provenance=provenance(device.told),
        texts_per_second=_speed(recipe, models, data, device),
    )
    for folder in models.values():
        add_section(folder / CARD, "widths", f"## How good it is at every width, beside its twins\n\n{markdown(found)}")
    return found


def _speed(recipe: TrainRecipe, models: Models, data: TrainingSet, device: Device) -> dict[str, float]:
    """Of the first arm of whole depth, on what was trained on; nothing in a study of whole encoders."""
    whole = next((arm.name for arm in recipe.arms if not arm.depth), None)
    if not recipe.judged.layers or whole is None:
        return {}
    texts = [example.first for example in data.examples]
    return texts_per_second(
        models[whole, recipe.seeds[0]], recipe.judged.layers, recipe.judged.precision, texts, device
    )


def curves(recipe: TrainRecipe, out: Path) -> dict[str, list[Row]]:
    """Arm → the rows of its first seed, as `study` left them in `out`."""
    seed = recipe.seeds[0]
    return {arm.name: read_rows(out / f"{arm.name}-seed{seed}" / CURVES) for arm in recipe.arms}


def _step_seconds(folder: Path) -> float:
    return float(json.loads((folder / FACTS).read_text(encoding="utf-8"))["step_seconds"])


def prepared(recipe: TrainRecipe, root: Path, options: TrainOptions) -> TrainingSet:
    """The examples, with hard negatives and a teacher's scores if the recipe asks for them.

    Raises first what `train_arm` would raise of the device.
    """
    device = training_device(options.device)
    check_precision(recipe.precision, device)
    data = training_set(recipe, root)
    if recipe.negatives:
        encoder = cached(load_encoder(EncoderSpec(recipe.base), options.device))
        mined = with_negatives(data.examples, encoder, recipe.negatives, progress=options.progress)
        data = dataclasses.replace(data, examples=mined)
    if recipe.teacher is not None:
        data = dataclasses.replace(data, taught=teacher_scores(data.examples, recipe.teacher, device))
    return data

"""At which sizes, (layers, dims), a study measures its arms, and with what it compares them there."""

from typing import NamedTuple

from mrl_search.encoders import layer_count, load_model
from mrl_search.errors import TrainingError
from mrl_search.training.train_recipe import Arm, TrainRecipe


class Size(NamedTuple):
    """The first so many layers, None for all in a study of whole encoders, and the first so many dims."""

    layers: int | None
    dim: int


def depths(recipe: TrainRecipe, arm: Arm) -> tuple[int | None, ...]:
    """How many of its layers an arm is measured with; one that was cut to its first layers has those alone."""
    if not recipe.judged.layers:
        return (None,)
    return (arm.depth,) if arm.depth else recipe.judged.layers


def widths(recipe: TrainRecipe, arm: Arm) -> tuple[int, ...]:
    """The widths an arm is measured at: every arm's; in a study of depths, of a small model its own."""
    return arm.dims if recipe.judged.layers and arm.depth else recipe.widths


def rivals(recipe: TrainRecipe, arm: Arm) -> dict[Size, str]:
    """Size → the arm that this one is compared with there.

    The first one; in a study of depths the arm that was trained at that size by itself, where there is one.
    """
    sizes = [Size(layers, dim) for layers in depths(recipe, arm) for dim in widths(recipe, arm)]
    if not recipe.judged.layers:
        return {} if arm == recipe.arms[0] else dict.fromkeys(sizes, recipe.arms[0].name)
    alone = {
        Size(other.depth or recipe.judged.layers[-1], other.dims[0]): other.name
        for other in recipe.arms
        if other.method == "mrl" and len(other.dims) == 1 and other != arm
    }
    return {size: alone[size] for size in sizes if size in alone}


def spec_layers(recipe: TrainRecipe, arm: Arm, layers: int | None) -> int | None:
    """The same as an encoder's spec says it: None for all that the arm has."""
    return None if arm.depth or not recipe.judged.layers or layers == recipe.judged.layers[-1] else layers


def check_depths(recipe: TrainRecipe) -> None:
    """Raises TrainingError where what is called the base's whole depth is not; EncoderError for an unknown base."""
    if recipe.judged.layers and recipe.judged.layers[-1] != (count := layer_count(load_model(recipe.base))):
        found = f"the layers of [judged] end at {recipe.judged.layers[-1]}"
        raise TrainingError(f"{found}, {recipe.base} has {count}; end at {count}")

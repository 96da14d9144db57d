"""The door: a kind by name, and a sample, to a rotation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from mrl_search.device import CPU, Device
from mrl_search.errors import RotationError
from mrl_search.rotation import Rotation
from mrl_search.rotations.blocks import rotation_of
from mrl_search.rotations.chance import by_chance
from mrl_search.rotations.choice import choose
from mrl_search.rotations.goal import checked_goal
from mrl_search.vectors import Vectors

_BY_CHANCE = ("random", "permuted")
KINDS = ("none", "pca", "learned", "block-pca", "block-learned", *_BY_CHANCE, "auto")
"""What `fit` takes; random and permuted axes are for comparison, and `auto` does not consider them."""


class Fitted(NamedTuple):
    """A rotation, or None to leave the vectors as they are.

    kind: one of KINDS, never auto. why: for people, what the choice rests on; empty where nothing was chosen.
    """

    rotation: Rotation | None
    kind: str
    why: str


def fit(
    kind: str,
    sample: Vectors,
    widths: Sequence[int],
    trained: Sequence[int] = (),
    *,
    seed: int = 0,
    device: Device = CPU,
) -> Fitted:
    """A rotation after which the first coordinates say as much as they can about the full-width cosines.

    sample: (n, D) float32 unit rows, in any order; 50,000 are enough. widths: the prefixes that will be searched by,
    ascending, shorter than D; without any there is nothing to gain, and nothing is fitted. trained: the widths that
    the encoder was trained to be cut at, for the block kinds. The same arguments give the same rotation.
    Raises RotationError for an unknown kind, widths that do not grow or do not fit, too few rows, and a block kind
    without trained widths. device: where axes are learned; another rounds otherwise.
    """
    if kind not in KINDS:
        raise RotationError(f"there is no rotation {kind!r}; choose one of {', '.join(KINDS)}")
    goal = replace(checked_goal(sample, widths, trained, seed), device=str(device))
    if kind == "none":
        return Fitted(None, kind, "")
    if not goal.widths:
        return Fitted(None, "none", "there is no prefix to gain from it")
    if kind in _BY_CHANCE:
        return Fitted(by_chance(kind, sample.shape[1], seed), kind, "")
    if kind != "auto":
        return Fitted(rotation_of(kind, sample, goal), kind, "")
    rotation, why = choose(sample, goal)
    return Fitted(rotation, rotation.kind if rotation else "none", why)

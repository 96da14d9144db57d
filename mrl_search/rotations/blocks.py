"""The four fixed kinds: principal or learned axes, over the whole width or inside the blocks of a trained encoder."""

from itertools import pairwise

import numpy as np

from mrl_search.errors import RotationError
from mrl_search.rotation import Rotation, reflected
from mrl_search.rotations.goal import Goal
from mrl_search.rotations.learned import LEAST_ROWS, learn
from mrl_search.rotations.pca import Axes, orthonormal, principal_axes, second_moment
from mrl_search.vectors import Vectors


def rotation_of(kind: str, sample: Vectors, goal: Goal) -> Rotation:
    """A rotation of kind pca, learned, block-pca or block-learned.

    The block kinds turn the coordinates [0, b0), [b0, b1) … [b_last, D) each among themselves, where b are the trained
    widths; so every prefix of a trained width keeps its length and its cosines. A block that no asked width cuts has
    nothing to learn for, and gets its principal axes.

    sample: (n, D) float32 unit rows.
    Raises RotationError for too few rows, and for a block kind without trained widths.
    """
    least = LEAST_ROWS if kind.endswith("learned") else 1
    if len(sample) < least:
        raise RotationError(f"a rotation of kind {kind} is fitted to at least {least} vectors, found {len(sample)}")
    cuts = goal.trained if kind.startswith("block-") else ()
    if kind.startswith("block-") and not cuts:
        raise RotationError(
            f"{kind} keeps the widths an encoder was trained to be cut at, and this one names none; "
            f"take {kind.removeprefix('block-')}"
        )
    dim = sample.shape[1]
    matrix = np.zeros((dim, dim), np.float32)
    for start, stop in pairwise((0, *cuts, dim)):
        axes = _learned if kind.endswith("learned") else _principal
        matrix[start:stop, start:stop] = axes(sample, (start, stop), goal)
    whole = kind == "learned"
    return Rotation(matrix, kind, max(goal.widths) if whole else 0)


def _principal(sample: Vectors, span: tuple[int, int], goal: Goal) -> Axes:
    return principal_axes(second_moment(sample[:, slice(*span)]))


def _learned(sample: Vectors, span: tuple[int, int], goal: Goal) -> Axes:
    """Learned axes up to the widest prefix that ends inside the span; no prefix is asked of the others."""
    start, stop = span
    principal = principal_axes(second_moment(sample[:, start:stop]))
    inside = [width for width in goal.widths if start < width < stop]
    if not inside:
        return principal
    turned = sample.copy()
    turned[:, start:stop] = sample[:, start:stop] @ principal.T
    learned = orthonormal(learn(turned, span, inside, goal.recipe, goal.seed, goal.device))
    return reflected(learned @ principal)

"""What is wanted of a rotation, and how long it may be learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mrl_search.errors import RotationError
from mrl_search.vectors import Vectors


@dataclass(frozen=True)
class Recipe:
    """How axes are learned; `learned.py` says from what.

    steps: of Adam, at least 20 (OneCycleLR cannot warm up in fewer).
    pool: rows drawn for a step, at most. anchors: how many of them, at most, are compared with all the others.
    rate: the highest learning rate.
    target_temperature, student_temperature: what full-width and prefix cosines are divided by before the softmax.

    Measured as the share of held-out queries' exact top 10 among the first 50 and 100. Fitted for 128 dims to 50,000
    sentences of 768: by 64 dims .906 and .958 (principal axes .853 and .927), by 128 .992 and .998. To 5,183 of 384
    dims for six widths up to 256, among the first 100: twice the steps gain .007 by 16 dims, .004 by 32, none by 64.
    """

    steps: int = 80
    pool: int = 8192
    anchors: int = 512
    rate: float = 5e-3
    target_temperature: float = 0.04
    student_temperature: float = 0.05


@dataclass(frozen=True)
class Goal:
    """Which prefixes should keep the neighbours of the full width.

    widths: those that are asked for, ascending. trained: those the encoder was trained to be cut at, ascending.
    All are shorter than the vectors. device: torch's name of what learns axes.
    """

    widths: tuple[int, ...]
    trained: tuple[int, ...] = ()
    seed: int = 0
    recipe: Recipe = Recipe()
    device: str = "cpu"


def checked_goal(sample: Vectors, widths: Sequence[int], trained: Sequence[int], seed: int) -> Goal:
    """The goal, if it is one for these vectors. The whole width is no cut, so it may end the trained ones.

    Raises RotationError for vectors that are not finite float32 rows, and for widths that do not grow from 1 to D-1.
    """
    if sample.ndim != 2 or sample.dtype != np.float32:
        raise RotationError(f"a rotation is fitted to float32 rows, found {sample.dtype} of shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise RotationError("the vectors that a rotation should be fitted to are not all finite")
    dim = sample.shape[1]
    cuts = tuple(trained[:-1] if trained and trained[-1] == dim else trained)
    for what, asked in (("prefix", tuple(widths)), ("trained", cuts)):
        if not all(shorter < longer for shorter, longer in pairwise((0, *asked, dim))):
            raise RotationError(f"the {what} widths must grow and lie between 1 and {dim - 1}, found {list(asked)}")
    return Goal(tuple(widths), cuts, seed)

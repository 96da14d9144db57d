"""Which kind of rotation: the one by whose prefixes held-out documents find most of their true neighbours."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mrl_search.fidelity import cut, nearest
from mrl_search.rotation import Rotation
from mrl_search.rotations.blocks import rotation_of
from mrl_search.rotations.goal import Goal
from mrl_search.vectors import Vectors

LEAST_ROWS = 100
"""Fewer rows cannot tell kinds apart."""

_LEAST_TO_LEARN = 2_000
_HELD_OUT = 1_000
_TRUE = 10
_CANDIDATES = 100
_SMALL = 5_000  # rows; of fewer, 100 candidates are so large a share that every kind finds nearly all
_WORTH = 0.002  # recall that a less simple kind must add


def choose(sample: Vectors, goal: Goal) -> tuple[Rotation | None, str]:
    """The simplest rotation within .002 of the best recall on held-out rows, or None if none gains so much; and why.

    A fifth of the sample, at most 1,000 rows, is held out and searched for in the rest, to which the kinds are
    fitted; the block kinds too if the encoder has trained widths. Recall is the share of the exact
    full-width top 10 within the first 100 by prefix (2% of a sample under 5,000 rows, at least 10), averaged over
    the asked widths.
    """
    if len(sample) < LEAST_ROWS:
        return None, f"{len(sample)} documents are too few to measure a gain with"
    order = np.random.default_rng(goal.seed).permutation(len(sample))
    held_out = min(_HELD_OUT, len(sample) // 5)
    queries, documents = sample[order[:held_out]], sample[order[held_out:]]
    candidates = _CANDIDATES if len(sample) >= _SMALL else max(_TRUE, len(sample) // 50)
    true = nearest(queries, documents, _TRUE)
    tried: dict[str, Rotation | None] = {"none": None}
    tried |= {kind: rotation_of(kind, documents, goal) for kind in _eligible(goal, len(sample))}
    recalls = {
        kind: _recall(queries, documents, true, rotation, goal.widths, candidates) for kind, rotation in tried.items()
    }
    enough = max(recalls.values()) - _WORTH
    chosen = tried[next(kind for kind, recall in recalls.items() if recall >= enough)]
    figures = [f"{kind} {_short(recall)}" for kind, recall in recalls.items()]
    widths = " and ".join(map(str, goal.widths))
    measured = f"held-out recall of the top {_TRUE} in {candidates} candidates at {widths} dims: {', '.join(figures)}"
    return chosen, measured if chosen else f"{measured}; nothing gains more than {_short(_WORTH)}"


def _eligible(goal: Goal, rows: int) -> tuple[str, ...]:
    """Kinds worth a try, the simplest first.

    Blocks are what trained widths ask for, if they were trained well, which is measured like all else; a block kind
    does nothing for prefixes that are trained widths.
    """
    kinds = ["pca", "learned"] if rows >= _LEAST_TO_LEARN else ["pca"]
    in_blocks = bool(goal.trained) and not set(goal.widths) <= set(goal.trained)
    return (*(f"block-{kind}" for kind in kinds if in_blocks), *kinds)


def _recall(
    queries: Vectors,
    documents: Vectors,
    true: NDArray[np.int64],
    rotation: Rotation | None,
    widths: Sequence[int],
    candidates: int,
) -> float:
    """The share of each query's true rows (q, 10) among its candidates by prefix, averaged over queries and widths."""
    shares = []
    for width in widths:
        found = nearest(cut(queries, rotation, width), cut(documents, rotation, width), candidates)
        shares += [len(np.intersect1d(*rows)) / true.shape[1] for rows in zip(true, found, strict=True)]
    return float(np.mean(shares))


def _short(share: float) -> str:
    """As .932 and 1.000."""
    return f"{share:.3f}".removeprefix("0")

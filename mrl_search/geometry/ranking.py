"""What each dim, and each block of dims, does for a ranking: it is left out, and the ranking judged again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mrl_search.eval import Difference, holm, paired, paired_rows
from mrl_search.geometry.moments import Reals
from mrl_search.vectors import Vectors

_DEPTH = 10
_MARGIN = 0.01
_SURE = 0.05
_AT_ONCE = 4_000_000  # scores
_NONE = slice(0, 0)
Gains = NDArray[np.float32]
"""(q, n): the grade of each document for each query, 0 of what nobody judged relevant."""


@dataclass(frozen=True)
class Block:
    """Dims start … stop - 1: nDCG@10 without them less with them, over the queries; p_holm: of all blocks together."""

    start: int
    stop: int
    difference: Difference
    p_holm: float


@dataclass(frozen=True)
class Degrading:
    """Single dims left out, one at a time (Takeshita et al. 2025, 2508.17744).

    raises, lowers: of `dims`, how many raise or lower mean nDCG@10 by their absence; surely: with p < .05 after Holm's
    correction over all dims. apart: nDCG@10 on the odd queries without all dims whose absence raises it on the even
    ones (`left_out` of them), less with them: what choosing them is worth on queries they were not chosen by.
    """

    dims: int
    ndcg: float
    raises: int
    lowers: int
    surely_raises: tuple[int, ...]
    surely_lowers: tuple[int, ...]
    left_out: int
    apart: Difference


def blocks(queries: Vectors, documents: Vectors, gains: Gains, edges: Sequence[int]) -> tuple[Block, ...]:
    """The effect of leaving out each block of dims between two edges (0, …, D)."""
    cuts = [slice(start, stop) for start, stop in pairwise(edges)]
    whole, *without = ndcg_without(queries, documents, gains, [_NONE, *cuts])
    found = [paired(whole, each, _MARGIN) for each in without]
    adjusted = holm([each.p_different for each in found])
    told = zip(cuts, found, adjusted, strict=True)
    return tuple(Block(cut.start, cut.stop, difference, p_holm) for cut, difference, p_holm in told)


def degrading(queries: Vectors, documents: Vectors, gains: Gains) -> Degrading:
    """The effect of leaving out each single dim, and of leaving out together those that seem to harm."""
    dim = queries.shape[1]
    whole, *without = ndcg_without(queries, documents, gains, [_NONE, *(slice(j, j + 1) for j in range(dim))])
    differences = np.array(without) - whole
    mean = differences.mean(axis=1)
    sure = np.array(holm([each.p_different for each in paired_rows(differences, _MARGIN)])) < _SURE
    even, odd = np.arange(0, len(queries), 2), np.arange(1, len(queries), 2)
    kept = differences[:, even].mean(axis=1) <= 0
    (rest,) = ndcg_without(queries[odd][:, kept], documents[:, kept], gains[odd], [_NONE])
    return Degrading(
        dims=dim,
        ndcg=float(np.mean(whole)),
        raises=int((mean > 0).sum()),
        lowers=int((mean < 0).sum()),
        surely_raises=tuple(np.flatnonzero(sure & (mean > 0)).tolist()),
        surely_lowers=tuple(np.flatnonzero(sure & (mean < 0)).tolist()),
        left_out=int((~kept).sum()),
        apart=paired(whole[odd], rest, _MARGIN),
    )


def ndcg_without(queries: Vectors, documents: Vectors, gains: Gains, cuts: Sequence[slice]) -> Reals:
    """(len(cuts), q): nDCG@10 of each query, ranked by the cosine of what is left without the dims of each cut.

    queries: (q, D), documents: (n, D). A query's own length moves no document of its ranking, and is left as it is.
    """
    step = max(1, _AT_ONCE // len(documents))
    squares = np.square(documents).sum(axis=1)
    left = [squares - np.square(documents[:, cut]).sum(axis=1) for cut in cuts]
    inverse = [np.divide(1, np.sqrt(one), out=np.zeros_like(one), where=one > 1e-9) for one in left]
    found = np.empty((len(cuts), len(queries)))
    for start in range(0, len(queries), step):
        some = slice(start, start + step)
        scores = queries[some] @ documents.T
        for place, cut in enumerate(cuts):
            without = scores - queries[some, cut] @ documents[:, cut].T
            without *= inverse[place]
            found[place, some] = ndcg(without, gains[some])
    return found


def ndcg(scores: NDArray[np.float32], gains: Gains, depth: int = _DEPTH) -> Reals:
    """(q,): nDCG@depth as trec_eval has it (Järvelin & Kekäläinen 2002, with log₂(rank + 1)); 0 without a relevant one.

    scores, gains: (q, n). Of 768 × 300 rankings ir-measures would take minutes; a test compares the two.
    """
    depth = min(depth, scores.shape[1])
    discounts = 1 / np.log2(np.arange(2, depth + 2))
    top = np.argpartition(scores, scores.shape[1] - depth, axis=1)[:, -depth:]
    order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
    got = np.take_along_axis(gains, np.take_along_axis(top, order, 1), 1) @ discounts
    best = -np.partition(-gains, depth - 1, axis=1)[:, :depth]
    ideal = -np.sort(-best, axis=1) @ discounts
    values: Reals = np.divide(got, ideal, out=np.zeros(len(got)), where=ideal > 0)
    return values

"""Semantic textual similarity: how well cosines order scored pairs, at every width."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mrl_search.data import read_examples
from mrl_search.encoders import Encoder
from mrl_search.errors import CorpusError
from mrl_search.rotations import fit
from mrl_search.vectors import Vectors, prefix

Similarities = dict[int, NDArray[np.float64]]
"""Width → (n,) cosines of the pairs."""


def scored_pairs(path: Path) -> tuple[list[str], list[str], NDArray[np.float64]]:
    """Both sides and the scores of a file of scored pairs. Raises CorpusError where a score is missing."""
    examples = list(read_examples(str(path)))
    if len(examples) < 2 or any(example.score is None for example in examples):
        raise CorpusError(f"{path}: wanted two scored pairs or more, each with sentence1, sentence2 and score")
    return [e.first for e in examples], [e.second for e in examples], np.array([e.score for e in examples])


def similarities(
    encoder: Encoder, sides: tuple[Sequence[str], Sequence[str]], widths: Sequence[int], rotation: str
) -> Similarities:
    """The cosine of each pair at each width, after a rotation fitted to both sides together, if one is asked for."""
    first, second = encoder.encode_queries(sides[0]), encoder.encode_queries(sides[1])
    if rotation != "none":
        turn = fit(rotation, np.concatenate([first, second]), tuple(w for w in widths if w < encoder.dim)).rotation
        if turn is not None:
            first, second = turn.apply(first), turn.apply(second)
    return {width: _cosines(first, second, width) for width in widths}


def spearman(
    cosines: NDArray[np.float64], scores: NDArray[np.float64], counts: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Spearman's rank correlation, ties at their mean rank, of each of r resamples: (r,).

    counts: (r, n), how often each pair stands in a resample; None for one of each pair once. Ranks of all resamples
    come from one sorting, which takes a thousandth of ranking each anew.
    """
    counts = np.ones((1, len(scores))) if counts is None else counts
    ranks = [_ranks(np.asarray(values, np.float64), counts) for values in (cosines, scores)]
    middle = (counts.sum(axis=1, keepdims=True) + 1) / 2
    first, second = (told - middle for told in ranks)
    spread = np.sqrt((counts * first**2).sum(axis=1) * (counts * second**2).sum(axis=1))
    correlations: NDArray[np.float64] = (counts * first * second).sum(axis=1) / spread
    return correlations


def _ranks(values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(r, n): the rank, from 1, of each of (n,) values in each resample; of equal ones their mean."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))  # of runs of equal values
    here = np.add.reduceat(counts[:, order], starts, axis=1)
    means = here.cumsum(axis=1) - here + (here + 1) / 2
    ranks = np.empty_like(counts)
    ranks[:, order] = np.repeat(means, np.diff(starts, append=len(values)), axis=1)
    return ranks


def _cosines(first: Vectors, second: Vectors, width: int) -> NDArray[np.float64]:
    cosines: NDArray[np.float64] = (prefix(first, width) * prefix(second, width)).sum(axis=1, dtype=np.float64)
    return cosines

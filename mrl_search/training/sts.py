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


def spearman(cosines: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Spearman's rank correlation, ties at their mean rank."""
    from scipy import stats

    return float(stats.spearmanr(cosines, scores).statistic)


def _cosines(first: Vectors, second: Vectors, width: int) -> NDArray[np.float64]:
    cosines: NDArray[np.float64] = (prefix(first, width) * prefix(second, width)).sum(axis=1, dtype=np.float64)
    return cosines

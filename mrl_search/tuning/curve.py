"""The fidelity curve: what prefixes find of the full width's neighbours, in the encoder's axes and in others."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.encoders import layer_normed
from mrl_search.fidelity import cut, held, nearest
from mrl_search.hits import Rows
from mrl_search.rotation import Rotation
from mrl_search.rotations import fit
from mrl_search.vectors import Vectors, prefix

TRUE = 10
"""Nearest neighbours at full width, which prefixes should find."""
CANDIDATES = 100
_SMALL = 5_000  # rows; of fewer, 100 candidates are so large a share that anything finds nearly all
_QUERIES = 500
DRAWS = 8
"""Of random dims, whose mean prefixes are compared with; and whose spread says what an order by chance may gain."""
_ROTATIONS = 2  # random ones
_SEED = 0
PerQuery = NDArray[np.float64]
"""(2, q): of each query's ten nearest, the share among its ten nearest and among its candidates by prefix."""


class Sample(NamedTuple):
    """Queries are rows held out of the documents; true: (q, 10) rows of their nearest documents at full width."""

    queries: Vectors
    documents: Vectors
    true: Rows
    candidates: int


class Curves(NamedTuple):
    """width → PerQuery, of every kind of axes.

    own: the encoder's prefixes; layer_norm: after LayerNorm; dims: as many dims drawn at random, of each of DRAWS draws
    (DRAWS, 2, q); axes: prefixes after random rotations; pca: of principal axes of the documents.
    """

    own: dict[int, PerQuery]
    layer_norm: dict[int, PerQuery]
    dims: dict[int, PerQuery]
    axes: dict[int, PerQuery]
    pca: dict[int, PerQuery]


def sampled(vectors: Vectors) -> Sample:
    """A fifth of the rows, at most 500, as queries. Candidates are 100; of fewer than 5,000 rows 2 %, or 10."""
    order = np.random.default_rng(_SEED).permutation(len(vectors))
    count = min(_QUERIES, len(vectors) // 5)
    queries, documents = vectors[order[:count]], vectors[order[count:]]
    candidates = CANDIDATES if len(vectors) >= _SMALL else max(TRUE, len(vectors) // 50)
    return Sample(queries, documents, nearest(queries, documents, TRUE), candidates)


def curves(sample: Sample, widths: Sequence[int]) -> Curves:
    """All curves at those widths, ascending and below the full one."""
    normed = [layer_normed(rows) for rows in (sample.queries, sample.documents)]

    def after(kind: str, draws: int) -> dict[int, NDArray[np.float64]]:
        rotations = [fit(kind, sample.documents, list(widths), seed=seed).rotation for seed in range(draws)]
        found = [turned(sample, rotation, widths) for rotation in rotations]
        return {width: np.stack([curve[width] for curve in found]) for width in widths}

    return Curves(
        own=turned(sample, None, widths),
        layer_norm={width: _held(sample, *(prefix(rows, width) for rows in normed)) for width in widths},
        dims=after("permuted", DRAWS),
        axes={width: found.mean(axis=0) for width, found in after("random", _ROTATIONS).items()},
        pca={width: found[0] for width, found in after("pca", 1).items()},
    )


def turned(sample: Sample, rotation: Rotation | None, widths: Sequence[int]) -> dict[int, PerQuery]:
    """The curve of prefixes in the rotation's axes."""
    return {
        width: _held(sample, cut(sample.queries, rotation, width), cut(sample.documents, rotation, width))
        for width in widths
    }


def _held(sample: Sample, queries: Vectors, documents: Vectors) -> PerQuery:
    return held(queries, documents, sample.true, (TRUE, sample.candidates))


def in_half_the_axes(sample: Sample) -> float:
    """How much of the queries' variance lies in that half of the principal axes which holds most of the documents'.

    One half of it where no axis matters more than others, as of random vectors; the queries were not fitted to.
    """
    mean = sample.documents.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(sample.documents - mean, rowvar=False, dtype=np.float64))
    squares = np.square((sample.queries - mean) @ axes[:, ::-1]).sum(axis=0)
    return float(squares[: len(axes) // 2].sum() / (squares.sum() or 1))

"""The fidelity curve: what prefixes find of the full width's neighbours, in the encoder's axes and in others."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrl_search.encoders import layer_normed
from mrl_search.fidelity import held, nearest
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
    dim = sample.documents.shape[1]
    orders = [np.random.default_rng(seed).permutation(dim) for seed in range(DRAWS)]
    random = [fit("random", sample.documents, widths, seed=seed).rotation for seed in range(_ROTATIONS)]
    by_chance = [_curve(sample.queries[:, order], sample.documents[:, order], sample, widths) for order in orders]
    by_axes = [turned(sample, rotation, widths) for rotation in random]
    return Curves(
        own=turned(sample, None, widths),
        layer_norm=_curve(layer_normed(sample.queries), layer_normed(sample.documents), sample, widths),
        dims={width: np.stack([curve[width] for curve in by_chance]) for width in widths},
        axes={width: np.mean([curve[width] for curve in by_axes], axis=0) for width in widths},
        pca=turned(sample, fit("pca", sample.documents, widths).rotation, widths),
    )


def turned(sample: Sample, rotation: Rotation | None, widths: Sequence[int]) -> dict[int, PerQuery]:
    """The curve of prefixes in the rotation's axes."""
    if rotation is None:
        return _curve(sample.queries, sample.documents, sample, widths)
    axes = rotation.matrix[: widths[-1]].T
    return _curve(sample.queries @ axes, sample.documents @ axes, sample, widths)


def _curve(queries: Vectors, documents: Vectors, sample: Sample, widths: Sequence[int]) -> dict[int, PerQuery]:
    ks = (TRUE, sample.candidates)
    return {width: held(prefix(queries, width), prefix(documents, width), sample.true, ks) for width in widths}


def in_half_the_axes(sample: Sample) -> float:
    """How much of the queries' variance lies in that half of the principal axes which holds most of the documents'.

    One half of it where no axis matters more than others, as of random vectors; the queries were not fitted to.
    """
    mean = sample.documents.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(sample.documents - mean, rowvar=False, dtype=np.float64))
    squares = np.square((sample.queries - mean) @ axes[:, ::-1]).sum(axis=0)
    return float(squares[: len(axes) // 2].sum() / (squares.sum() or 1))

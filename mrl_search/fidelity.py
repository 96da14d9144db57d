"""How faithful a cut is: which of the full width's nearest rows the prefixes still find."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mrl_search.hits import Rows
from mrl_search.rotation import Rotation
from mrl_search.vectors import Vectors, prefix

_QUERIES = 128  # scored at once; at 50,000 rows 26 MB


def nearest(queries: Vectors, documents: Vectors, k: int) -> Rows:
    """Rows of the k documents with the largest inner products, in no order: (q, k)."""
    blocks = [queries[start : start + _QUERIES] @ documents.T for start in range(0, len(queries), _QUERIES)]
    return np.concatenate([np.argpartition(-block, k - 1, axis=1)[:, :k] for block in blocks])


def held(queries: Vectors, documents: Vectors, true: Rows, ks: Sequence[int]) -> NDArray[np.float64]:
    """(len(ks), q): the share of each query's true (q, t) rows among its k nearest documents, for each k.

    A row counts as found where fewer than k documents are nearer, so that copies at the edge are all found.
    """
    shares = []
    for start in range(0, len(queries), _QUERIES):
        cosines = queries[start : start + _QUERIES] @ documents.T
        of_true = np.take_along_axis(cosines, true[start : start + _QUERIES], axis=1)
        cosines.partition([cosines.shape[1] - k for k in ks], axis=1)
        shares.append([(of_true >= cosines[:, -k, None]).mean(axis=1) for k in ks])
    return np.concatenate(shares, axis=1)


def cut(vectors: Vectors, rotation: Rotation | None, dim: int) -> Vectors:
    """Unit prefixes in the rotation's axes; only the axes of the prefix are computed."""
    return prefix(vectors if rotation is None else vectors @ rotation.matrix[:dim].T, dim)

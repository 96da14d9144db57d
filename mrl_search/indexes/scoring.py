"""The one way scores are computed that decide an order."""

from collections.abc import Callable

import numpy as np

from mrl_search.hits import Rows, Scores
from mrl_search.vectors import Vectors

_GATHERED = 8_192  # (query, row) pairs scored at a time; at 768 dims two buffers of 25 MB


def scores_of(queries: Vectors, owners: Rows, rows: Rows, take: Callable[[Rows], Vectors]) -> Scores:
    """The inner product of queries[owners[i]] and the vector of rows[i], for every i.

    take: rows to their (m, dim) vectors. Each product is added up in the same
    order wherever its row stands, which a matrix product does not promise: equal
    vectors score equal, bit for bit, alone or in a batch.
    """
    scores = np.empty(len(rows), dtype=np.float32)
    order = np.argsort(rows, kind="stable")  # visits the file front to back; undone by the assignment
    for start in range(0, len(order), _GATHERED):
        some = order[start : start + _GATHERED]
        scores[some] = np.einsum("ij,ij->i", queries[owners[some]], take(rows[some]))
    return scores

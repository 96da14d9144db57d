"""The kernel on sketches made by hand; tests/indexes/test_sketches.py has what it does to real rows."""

import numpy as np
import pytest

from mrl_search.indexes.kernels import narrow

DIM, ROWS = 64, 200


def sketches(error):
    """(plain codes, sketches, facts) of random rows whose decoded vectors are scaled to length 1."""
    plain = np.random.default_rng(1).integers(0, 16, (ROWS, DIM)).astype(np.uint8)
    scale = 1 / np.linalg.norm(plain.astype(np.float32) - 7.5, axis=1)
    facts = np.stack([scale, np.full(ROWS, error)], axis=1).astype(np.float32)
    codes = np.hstack([plain[:, ::2] | plain[:, 1::2] << 4, facts.view(np.uint8)])
    return plain, codes, codes.view(np.float32)


def left(queries, codes, facts, k):
    rows = np.tile(np.arange(ROWS), (len(queries), 1))
    found = np.empty(rows.shape, np.int64)
    lows, steps = np.full(DIM, -7.5, np.float32), np.ones(DIM, np.float32)
    narrow(queries, rows, codes, facts, lows, steps, k, found, 0, len(queries))
    return found


@pytest.mark.parametrize("length", [1, 1e-3, 1e3])
def test_without_error_only_the_best_are_left_and_what_rounding_leaves_beside_them(length):
    queries = length * np.random.default_rng(2).standard_normal((20, DIM)).astype(np.float32)
    plain, codes, facts = sketches(0)
    decoded = plain - 7.5
    cosines = queries @ decoded.T / np.linalg.norm(decoded, axis=1) / np.linalg.norm(queries, axis=1, keepdims=True)
    for query, found in enumerate(left(queries, codes, facts, 5)):
        best = np.argsort(-cosines[query])
        assert np.isin(best[:5], found).all()
        assert np.sum(found >= 0) < 25
        assert found[found >= 0].tolist() == sorted(found[found >= 0].tolist())


def test_the_more_a_row_errs_the_more_are_left():
    queries = np.random.default_rng(3).standard_normal((20, DIM)).astype(np.float32)
    counts = [np.sum(left(queries, *sketches(error)[1:], 5) >= 0) for error in (0, 0.1, 0.3, 1, np.inf)]
    assert counts == sorted(counts)
    assert counts[-1] == 20 * ROWS

"""Going through all rows, against the bounds written out."""

import numpy as np

from mrl_search.indexes import bounded
from mrl_search.indexes.bounds import looks
from mrl_search.indexes.kernels import sift

FACT = 1 / 16_384


def test_what_is_found_is_what_both_looks_leave(stored):
    bounds = bounded(stored)
    queries, floors = stored.data[:6], np.full(6, 0.7, np.float32)
    asked = bounds._asked(queries, floors)
    found, counts = np.empty((6, 3_000), np.int64), np.zeros(6, np.int64)
    sift(bounds.near, bounds.far, bounds.far.view(np.uint16), *asked, found, counts, 0, len(bounds.near))
    coordinates = bounds.axes.coordinates(queries)
    reach = np.inf
    for look in looks(bounds.axes):
        here = bounds.axes.coordinates(stored.data)
        decoded = look.levels.lows + look.levels.nearest(here) * look.levels.steps
        error = np.ceil(np.linalg.norm(here - decoded, axis=1) / FACT) * FACT
        tail = np.ceil(bounds.axes.left(here, np.ones(3_000)) / FACT) * FACT
        lengths, left = np.linalg.norm(coordinates, axis=1), bounds.axes.left(coordinates, np.ones(6))
        reach = np.minimum(reach, coordinates @ decoded.T + lengths[:, None] * error + left[:, None] * tail)
    for query in range(6):
        some = set(found[query, : counts[query]].tolist())
        assert set(np.flatnonzero(reach[query] >= 0.7)) <= some
        assert some <= set(np.flatnonzero(reach[query] >= 0.695))  # what is added for rounding


def test_a_query_is_given_up_beyond_its_places(stored):
    bounds = bounded(stored)
    asked = bounds._asked(stored.data[:1], np.float32([-1]))
    found, counts = np.full((1, 7), -1, np.int64), np.zeros(1, np.int64)
    sift(bounds.near, bounds.far, bounds.far.view(np.uint16), *asked, found, counts, 0, len(bounds.near))
    assert counts[0] > 7
    assert found[0].tolist() == list(range(7))

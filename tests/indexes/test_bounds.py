"""Upper bounds: never below a cosine, whatever the data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.indexes import StoredVectors, bounded, packed
from mrl_search.indexes.bounds import far_shape, near_shape
from mrl_search.vectors import prefix, unit


def cosines(stored, queries):
    return unit(queries).astype(np.float64) @ stored.take(np.arange(len(stored)), stored.dim).T.astype(np.float64)


def reaching(stored, queries, floors, most=10**6):
    return bounded(stored).reaching(queries, np.asarray(floors, np.float32), most)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("dim", [1, 7, 33, 72])
def test_every_row_that_reaches_its_floor_is_found_and_few_others(stored, dtype, dim):
    vectors = StoredVectors(packed(stored.data[:, :dim], dtype), dtype)
    queries = 3 * np.random.default_rng(1).standard_normal((20, dim)).astype(np.float32)
    true = cosines(vectors, queries)
    floors = np.sort(true, axis=1)[:, -10]
    rows, known = reaching(vectors, queries, floors)
    assert known.all()
    for query, found in enumerate(rows):
        assert set(np.flatnonzero(true[query] >= floors[query])) <= set(found[found >= 0])
        assert np.all(np.diff(found[found >= 0]) > 0)
    if dim == 72:
        assert (rows >= 0).sum() < 0.5 * true.size


def test_a_query_that_too_many_rows_could_answer_is_given_up_and_the_others_are_not(stored):
    queries = np.stack([stored.data[0], stored.data[0]])
    rows, known = reaching(stored, queries, [-1, 0.95], most=100)
    assert known.tolist() == [False, True]
    assert rows[1, 0] == 0


def test_one_query_over_two_threads_finds_what_one_thread_does(stored, monkeypatch):
    many = StoredVectors(np.tile(stored.data, (3, 1)), "float32")
    monkeypatch.setattr("mrl_search.indexes.bounds._WORTH_A_THREAD", 20)
    monkeypatch.setattr("mrl_search.indexes.scoring._threads", lambda: 1)
    bounds = bounded(many)
    alone, _ = bounds.reaching(stored.data[:1], np.float32([0.5]), 10**6)
    monkeypatch.setattr("mrl_search.indexes.scoring._threads", lambda: 4)
    assert bounds.reaching(stored.data[:1], np.float32([0.5]), 10**6)[0].tolist() == alone.tolist()


def test_axes_that_are_not_quite_orthonormal_only_loosen_the_bounds(stored):
    bounds = bounded(stored)
    bounds.axes.matrix[0] *= 1.001  # before anything was computed with it
    queries = stored.data[:5]
    rows, _ = bounds.reaching(queries, np.float32([0.6] * 5), 10**6)
    for query, line in enumerate(cosines(stored, queries)):
        assert set(np.flatnonzero(line >= 0.6)) <= set(rows[query])


def test_shapes_are_those_of_the_arrays(stored):
    bounds = bounded(stored)
    assert bounds.near.shape == near_shape(bounds.axes, 3_000)
    assert bounds.far.shape == far_shape(bounds.axes, 3_000)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 200),
    dim=st.integers(1, 40),
    power=st.floats(-3, 3),
    zeros=st.booleans(),
)
def test_no_row_that_reaches_the_floor_is_ever_left_out(seed, count, dim, power, zeros):
    random = np.random.default_rng(seed)
    scale = np.arange(1, dim + 1) ** power  # energy in the first dims, in the last, or everywhere
    data = unit((random.standard_t(2, (count, dim)) * scale).astype(np.float32))
    if zeros:
        data[random.random(count) < 0.3] = 0
    stored = StoredVectors(data, "float32")
    queries = np.concatenate([data[:2], unit(random.standard_normal((2, dim)).astype(np.float32))])
    true = cosines(stored, queries)
    floors = np.sort(true, axis=1)[:, -min(3, count)]
    rows, _ = reaching(stored, queries, floors)
    for line, floor, found in zip(true, floors, rows, strict=True):
        assert set(np.flatnonzero(line >= floor)) <= set(found)


def test_vectors_that_were_cut_are_bounded_at_their_stored_width(stored):
    cut = StoredVectors(prefix(stored.data, 24), "float32")
    rows, _ = reaching(cut, stored.data[:3], [0.99] * 3)
    assert all(query in rows[query] for query in range(3))

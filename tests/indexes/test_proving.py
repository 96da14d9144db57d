"""Proven answers beside those of a search that compares everything."""

import numpy as np
import pytest

from mrl_search.funnel import Funnel
from mrl_search.hits import best
from mrl_search.indexes import (
    Codec,
    StoredVectors,
    VectorIndex,
    bounded,
    build_prefix,
    exact,
    packed,
    sketched,
)
from mrl_search.retriever import search
from mrl_search.vectors import unit

DIM = 48


def made(kind):
    """(documents, queries), 2,500 and 24 unit vectors."""
    random = np.random.default_rng(5)
    rows, queries = random.standard_normal((2_500, DIM)), random.standard_normal((24, DIM))
    if kind == "clustered":
        centres = random.standard_normal((12, DIM))
        rows, queries = 0.2 * rows + centres[np.arange(2_500) % 12], 0.2 * queries + centres[np.arange(24) % 12]
    if kind == "copies":  # nine of ten rows are one of 40, and the 10th place is inside a tie for most queries
        rows[random.random(2_500) < 0.9] = 0
        rows[~rows.any(axis=1)] = random.standard_normal((40, DIM))[np.arange((~rows.any(axis=1)).sum()) % 40]
        queries[:12] = rows[:12]
    if kind == "tails":  # energy in the dims that a prefix cuts off, a different one in each row
        rows[:, :16] *= 1e-3
        rows[np.arange(2_500), 16 + np.arange(2_500) % 32] *= 30
    if kind == "outliers":  # what the axes are fitted to says nothing of some rows, and these are the best
        rows[:, 8:] *= 1e-3
        rows[:20, :8] = 0
        rows[:20, 8:] *= 1e3
        queries[:, :8] = 0
    if kind == "zeros":
        rows[::3] = 0
        queries[::4] = 0
    if kind == "opposite":  # no cosine is positive
        rows[:, 0], queries[:, 0] = 20, -20
    return unit(rows.astype(np.float32)), unit(queries.astype(np.float32))


KINDS = ("random", "clustered", "copies", "tails", "outliers", "zeros", "opposite")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_proven_answer_is_that_of_comparing_everything_bit_for_bit(kind, dtype):
    rows, queries = made(kind)
    stored = StoredVectors(packed(rows, dtype), dtype)
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("Flat")), bounds=bounded(stored))
    for k in (1, 10):
        found = index.proven(queries, search(index, queries, Funnel.parse(f"16:{2 * k},{DIM}:{k}")))
        wanted = exact(stored, queries, [DIM], k)[DIM]
        assert np.array_equal(found.rows, wanted.rows)
        assert np.array_equal(found.scores, wanted.scores)
    alone = index.proven(queries[:1], search(index, queries[:1], Funnel.parse(f"16:10,{DIM}:10")))
    assert np.array_equal(alone.rows, wanted.rows[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_so_behind_codes_and_sketches_that_miss_some(kind):
    rows, queries = made(kind)
    stored = StoredVectors(rows, "float32")
    prefixes = build_prefix(stored, 16, Codec("IVF8,PQ8x4fsr,Refine(SQ4)"))
    index = VectorIndex(stored, prefixes, sketched(stored), bounded(stored))
    found = index.proven(queries, search(index, queries, Funnel.parse(f"16:40,{DIM}:10")))
    assert np.array_equal(found.rows, exact(stored, queries, [DIM], 10)[DIM].rows)


def test_whatever_the_first_answer_was_the_last_is_exact(stored):
    wanted = exact(stored, stored.data[:9], [72], 5)[72]
    index = VectorIndex(stored, bounds=bounded(stored))
    poor = best(np.full((9, 5), -1, np.float32), np.tile(np.arange(5), (9, 1)), 5)  # a floor that all rows reach
    nothing = best(np.empty((9, 0), np.float32), np.empty((9, 0), np.int64), 5)
    for hits in (poor, nothing, wanted):
        assert np.array_equal(index.proven(stored.data[:9], hits).rows, wanted.rows)


@pytest.mark.parametrize("count", [1, 5, 64, 65])
def test_more_answers_than_documents_are_all_there_are(count):
    stored = StoredVectors(made("random")[0][:count], "float32")
    index = VectorIndex(stored, bounds=bounded(stored))
    query = made("random")[1][:1]
    hits = search(index, query, Funnel.parse(f"{DIM}:100"))
    assert np.array_equal(index.proven(query, hits).rows, exact(stored, query, [DIM], count)[DIM].rows)


def test_without_bounds_everything_is_compared(stored):
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("Flat")))
    assert index.bounds is None
    found = index.proven(stored.data[:4], search(index, stored.data[:4], Funnel.parse("16:9,72:9")))
    assert np.array_equal(found.rows, exact(stored, stored.data[:4], [72], 9)[72].rows)


def test_no_query_has_no_answer(stored):
    index = VectorIndex(stored, bounds=bounded(stored))
    none = stored.data[:0]
    assert index.proven(none, search(index, none, Funnel.parse("72:3"))).rows.shape == (0, 3)

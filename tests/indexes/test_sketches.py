"""Whole vectors at 4 bits a dim: how they are made, and what a rerank that looks at them first loses."""

import numpy as np
import pytest

from mrl_search.funnel import Stage
from mrl_search.hits import unscored
from mrl_search.indexes import (
    Codec,
    StoredVectors,
    VectorIndex,
    build_prefix,
    packed,
    sketched,
)
from mrl_search.indexes.sketches import Sketches, levels_of, sketch_blocks, sketch_width
from mrl_search.vectors import prefix, unit


def queries_of(stored, count=50):
    noise = np.random.default_rng(1).standard_normal((count, stored.dim)).astype(np.float32)
    return unit(stored.take(np.arange(count), stored.dim) + 0.05 * noise)


@pytest.mark.parametrize(("dim", "width"), [(1, 40), (64, 40), (65, 72), (768, 392)])
def test_a_row_is_filled_up_to_whole_strides(dim, width):
    assert sketch_width(dim) == width


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_a_code_is_the_nearest_of_sixteen_levels_whatever_the_vectors_are_stored_as(stored, dtype):
    vectors = StoredVectors(packed(stored.data, dtype), dtype)
    levels = levels_of(vectors)
    codes = np.concatenate(list(sketch_blocks(vectors, levels)))
    assert (codes.shape, codes.dtype) == ((3_000, 72), np.uint8)
    codes = codes[:, :64]
    plain = np.stack([codes & 15, codes >> 4], axis=2).reshape(3_000, -1)
    assert not plain[:, 72:].any()
    decoded = levels.lows + plain[:, :72] * levels.steps
    inside = np.abs(stored.data - stored.data.mean(axis=0)) < 2.5 * stored.data.std(axis=0)
    assert np.abs(decoded - stored.data)[inside].max() < 0.6 * levels.steps.max()


def test_a_dim_that_never_varies_says_nothing():
    vectors = np.random.default_rng(2).standard_normal((500, 8)).astype(np.float32)
    vectors[:, 3] = 0
    sketches = sketched(StoredVectors(unit(vectors), "float32"))
    assert sketches.levels.steps[3] == 0
    assert np.isfinite(sketches.levels.lows).all()


def test_those_left_are_what_the_estimates_and_their_errors_leave(stored):
    sketches, queries = sketched(stored), queries_of(stored)
    rows = np.argsort(np.random.default_rng(3).random((50, 3_000)), axis=1)[:, :400]
    left = sketches.narrowed(queries, rows, 10)
    assert left.shape == rows.shape
    lows, steps = sketches.levels
    plain = np.stack([sketches.codes[:, :64] & 15, sketches.codes[:, :64] >> 4], axis=2).reshape(3_000, -1)[:, :72]
    decoded = lows + plain * steps
    along = np.sum(decoded * stored.data, axis=1)
    error = np.sqrt(np.sum(decoded**2, axis=1) / along**2 - 1)
    estimates = queries @ (decoded / along[:, None]).T
    for query, here in enumerate(rows):
        beyond = np.maximum(0, np.maximum(lows - queries[query], queries[query] - lows - 15 * steps))
        spread = max(np.sum((queries[query] * steps) ** 2) / np.sum(steps**2), np.sum(beyond**2), 1 / 72)
        fits = error < 0.2
        doubt = np.where(fits, 4 * error * np.sqrt((1 - estimates[query] ** 2) * spread), error)
        above = estimates[query] + doubt - np.sort(np.where(fits, estimates[query], -1)[here])[-10]
        found = np.isin(here, left[query])  # the kernel weighs by bytes, and allows for it
        assert found[above[here] > 0.02].all()
        assert not found[above[here] < -0.05].any()


def test_estimates_err_as_they_say(stored):
    """Of all pairs one in 16,000 may err by more than four standard errors, were they normal."""
    vectors, queries = stored.data, queries_of(stored)
    facts = sketched(stored).codes.view(np.float32)[:, -2:]
    plain = sketched(stored).codes[:, :64]
    lows, steps = levels_of(stored)
    decoded = lows + np.stack([plain & 15, plain >> 4], axis=2).reshape(3_000, -1)[:, :72] * steps
    estimates, exact = queries @ (decoded * facts[:, :1]).T, queries @ vectors.T
    doubt = facts[:, 1] * np.sqrt(np.maximum(1 - estimates**2, 0) / 72)
    assert np.mean(np.abs(estimates - exact) > 4 * doubt) < 2e-4
    assert 0.8 < np.std((estimates - exact) / doubt) < 1.2


def minority(random, spare):
    """3,000 vectors of 256 dims of which some have their energy where all others have next to none."""
    even, odd = random.standard_normal((2, 3_000, 256)).astype(np.float32)
    even[:, 1::2] *= 0.05
    odd[:, ::2] *= 0.05
    centres = odd[random.integers(0, 5, 3_000)]
    return unit(np.where(np.arange(3_000)[:, None] < spare, centres + 0.5 * odd, even))


@pytest.mark.parametrize("k", [1, 10, 50])
@pytest.mark.parametrize("kept", [0.5, 0.8, 0.9])
def test_rows_whose_energy_was_cut_off_do_not_drive_out_those_that_are_nearer(k, kept):
    """A few documents have the common topics and little else that the others have: their estimates are far too high."""
    random = np.random.default_rng(0)
    topics, others = unit(random.standard_normal((20, 96))), unit(random.standard_normal((20, 224)))
    topic = random.integers(20, size=4_000)
    few = np.arange(4_000) < 80
    topic[few] %= 2
    beside = unit(0.6 * others[topic] + unit(random.standard_normal((4_000, 224))))
    vectors = np.zeros((4_000, 384), np.float32)
    vectors[:, :96] = 0.6 * unit(topics[topic] + 0.3 * unit(random.standard_normal((4_000, 96))))
    vectors[:, 96:320] = 0.8 * np.where(few, np.sqrt(2 * kept - 1), 1)[:, None] * beside
    vectors[few, 320:] = 0.8 * np.sqrt(2 - 2 * kept) * unit(random.standard_normal((80, 64)))
    stored = StoredVectors(unit(vectors), "float32")
    noise = unit(random.standard_normal((60, 384)).astype(np.float32)) * (np.arange(384) < 320)
    queries = unit(stored.data[~few & (topic < 2)][:60] + 0.3 * noise.astype(np.float32))
    by_topic = prefix(queries, 96) @ prefix(stored.data, 96).T
    rows = np.argsort(-by_topic, axis=1, kind="stable")[:, :400]
    scores = np.take_along_axis(queries @ stored.data.T, rows, axis=1)
    best = np.take_along_axis(rows, np.argsort(-scores, axis=1, kind="stable")[:, :k], axis=1)
    left = sketched(stored).narrowed(queries, rows, k)
    assert np.mean([np.isin(some, here).mean() for some, here in zip(best, left, strict=True)]) > 0.998


@pytest.mark.parametrize(
    "vectors",
    [
        lambda random: minority(random, 30),
        lambda random: random.standard_t(2, (3_000, 256)).astype(np.float32),
        lambda random: np.exp(1.5 * random.standard_normal((3_000, 256))).astype(np.float32),
        lambda random: (random.random((3_000, 256)) < 0.5).astype(np.float32),
        lambda random: random.standard_normal((3_000, 256)).astype(np.float32) * np.r_[100, np.ones(255)].astype("f4"),
        lambda random: random.standard_normal((3_000, 256)) * (random.random((3_000, 256)).argsort(axis=1) < 5),
    ],
    ids=["a minority", "heavy tails", "log-normal", "zeros and ones", "an outlying dim", "sparse"],
)
def test_what_codes_cut_off_or_round_alike_is_in_doubt_and_not_lost(vectors):
    random = np.random.default_rng(7)
    stored = StoredVectors(unit(vectors(random).astype(np.float32)), "float32")
    queries = unit(stored.data[:60] + (0.3 / 16) * random.standard_normal((60, 256)).astype(np.float32))
    scores = queries @ stored.data.T
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :200]
    left = sketched(stored).narrowed(queries, rows, 10)
    assert np.mean([np.isin(row[:10], some).mean() for row, some in zip(rows, left, strict=True)]) > 0.99
    itself = sketched(stored).narrowed(stored.data[:60], rows, 10)
    assert all(number in some for number, some in enumerate(itself.tolist()))


def test_a_dim_that_the_sample_never_saw_is_in_doubt(monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.sketches._SAMPLED", 100)
    random = np.random.default_rng(8)
    vectors = random.standard_normal((3_000, 64)).astype(np.float32)
    vectors[:, 0] = 0
    sampled = np.random.default_rng(0).permutation(3_000)[:100]
    others = np.setdiff1d(np.arange(3_000), sampled)[:40]
    vectors[others, 0] = 20
    stored = StoredVectors(unit(vectors), "float32")
    assert levels_of(stored).steps[0] == 0
    rows = np.tile(np.arange(3_000), (40, 1))
    left = sketched(stored).narrowed(stored.data[others], rows, 10)
    for number, row in enumerate(others):
        best = np.argsort(-(stored.data @ stored.data[row]), kind="stable")[:10]
        assert np.isin(best, left[number]).all()


def test_of_a_query_of_zeros_all_rows_are_left_and_a_row_of_zeros_scores_zero(stored):
    rows = np.arange(200)[None]
    assert sketched(stored).narrowed(np.zeros((1, 72), np.float32), rows, 10).tolist() == rows.tolist()
    vectors = StoredVectors(np.concatenate([np.zeros((20, 72), np.float32), stored.data]), "float32")
    left = sketched(vectors).narrowed(stored.data[:1], np.arange(400)[None], 10)
    assert 20 in left
    assert not np.isin(np.arange(20), left).any()


def test_the_best_are_left_of_near_copies_too(stored):
    random = np.random.default_rng(6)
    near = unit(stored.take(np.array([5]), 72) + 0.01 * random.standard_normal((500, 72)).astype(np.float32))
    vectors = StoredVectors(np.concatenate([stored.data, near]), "float32")
    rows, query = np.arange(3_000, 3_500)[None], near[:1]
    left = sketched(vectors).narrowed(query, rows, 10)
    best = 3_000 + np.argsort(-(near @ query[0]), kind="stable")[:10]
    assert np.isin(best, left).all()


def test_places_without_a_row_are_passed_over_and_stand_at_the_end(stored):
    rows = np.full((2, 100), -1, np.int64)
    rows[0, ::10] = np.arange(10)
    left = sketched(stored).narrowed(queries_of(stored, 2), rows, 10)
    assert left[0, :10].tolist() == list(range(10))
    assert (left[0, 10:] == -1).all()
    assert (left[1] == -1).all()


def test_equal_rows_are_all_left():
    one = np.random.default_rng(4).standard_normal((1, 64)).astype(np.float32)
    same = StoredVectors(unit(np.tile(one, (200, 1))), "float32")
    rows = np.arange(200)[None, ::-1].copy()
    assert sketched(same).narrowed(same.data[:1], rows, 10).tolist() == rows.tolist()


def test_few_rows_are_left_as_they_are(stored):
    rows = np.arange(29)[None]
    assert sketched(stored).narrowed(queries_of(stored, 1), rows, 10) is rows


def test_a_row_beyond_the_sketches_is_an_error(stored):
    rows = np.full((1, 100), 3_000, np.int64)
    with pytest.raises(IndexError, match="beyond the end of the sketches"):
        sketched(stored).narrowed(queries_of(stored, 1), rows, 10)


def test_many_queries_on_several_threads_find_what_each_finds_alone(stored):
    sketches, queries = sketched(stored), queries_of(stored)
    rows = np.argsort(np.random.default_rng(5).random((50, 3_000)), axis=1)[:, :300]
    together = sketches.narrowed(queries, rows, 10)
    alone = [sketches.narrowed(queries[q : q + 1], rows[q : q + 1], 10)[0] for q in range(50)]
    assert together.tolist() == np.array(alone).tolist()


def test_a_rerank_loses_next_to_nothing_and_scores_by_the_vectors(stored):
    prefixes, queries = build_prefix(stored, 16, Codec("Flat")), queries_of(stored)
    plain, quick = VectorIndex(stored, prefixes), VectorIndex(stored, prefixes, sketched(stored))
    rows = plain.shortlist(queries, Stage(16, 300)).rows
    exact, found = (index.rerank(queries, unscored(rows), Stage(72, 10)) for index in (plain, quick))
    assert np.mean([np.isin(a, b).mean() for a, b in zip(exact.rows, found.rows, strict=True)]) > 0.99
    both = exact.rows == found.rows
    assert (exact.scores[both] == found.scores[both]).all()


def test_hits_that_are_scored_and_stages_below_the_full_width_are_not_narrowed(stored):
    class Refusing(Sketches):
        def narrowed(self, queries, rows, k):
            raise AssertionError("narrowed")

    sketches = sketched(stored)
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("Flat")), Refusing(sketches.codes, sketches.levels))
    queries = queries_of(stored, 3)
    hits = index.shortlist(queries, Stage(16, 300))
    assert index.rerank(queries, hits, Stage(72, 10)).rows.shape == (3, 10)
    assert index.rerank(queries, unscored(hits.rows), Stage(32, 10)).rows.shape == (3, 10)
    with pytest.raises(AssertionError, match="narrowed"):
        index.rerank(queries, unscored(hits.rows), Stage(72, 10))

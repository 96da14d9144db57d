"""Several segments, and rows that were deleted, against one index over the rows that are left."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.errors import FunnelError, IndexStoreError
from mrl_search.funnel import Funnel, Stage
from mrl_search.guarantee import certificates
from mrl_search.hits import Hits
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, bounded, build_prefix, exact, packed, sketched
from mrl_search.indexes.segmented import SegmentedIndex
from mrl_search.retriever import search
from mrl_search.vectors import unit

REFINED = Codec("IVF4,PQ8x4fsr,Refine(SQ4)")


def index_of(vectors, factory="Flat", dtype="float32", dim=8):
    stored = StoredVectors(packed(vectors, dtype), dtype)
    return VectorIndex(stored, build_prefix(stored, dim, Codec(factory)))


def split(vectors, edges, live=None, dtype="float32", dim=8):
    parts = [part for part in np.split(vectors, edges) if len(part)]
    sizes = [len(part) for part in parts]
    index = SegmentedIndex([index_of(part, dtype=dtype, dim=dim) for part in parts], sizes, dim, vectors.shape[1])
    return index if live is None else index.among(live)


@settings(max_examples=40, deadline=None)
@given(
    edges=st.lists(st.integers(0, 90), max_size=6).map(sorted),
    dead=st.sets(st.integers(0, 89), max_size=90),
    funnel=st.sampled_from(["8:20,32:5", "8:90,16:30,32:20", "32:7", "8:10", "8:1000000,32:1"]),
    dtype=st.sampled_from(["float32", "bfloat16", "int8"]),
)
def test_any_split_gives_the_hits_of_one_index_over_the_rows_that_are_left(edges, dead, funnel, dtype):
    random = np.random.default_rng(3)
    vectors = unit(random.integers(-1, 2, (90, 32)).astype(np.float32))  # many equal scores at 8 dims
    vectors[::7] = vectors[0]
    queries = np.concatenate([unit(random.standard_normal((24, 32))), vectors[:3], np.zeros((1, 32), np.float32)])
    live = np.ones(90, bool)
    live[list(dead)] = False
    found = search(split(vectors, edges, live, dtype), queries, Funnel.parse(funnel))
    rows = np.flatnonzero(live)
    if not len(rows):
        assert (found.rows == -1).all()
        return
    wanted = search(index_of(vectors[live], dtype=dtype), queries, Funnel.parse(funnel))
    np.testing.assert_array_equal(found.rows, rows[wanted.rows])
    np.testing.assert_array_equal(found.scores, wanted.scores)


@pytest.fixture(scope="module", params=["Flat", "SQ8", "IVF8,Flat", "HNSW16,Flat", "PQ8x4fs", REFINED.factory, "PQ8x4"])
def structure(request, stored):
    return VectorIndex(stored, build_prefix(stored, 16, Codec(request.param)))


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("share", [0.9, 0.5, 0.02])
def test_k_live_rows_come_back_from_every_structure_while_there_are_k(structure, share, in_order):
    live = np.random.default_rng(1).random(3_000) < share
    index = structure.among(live)
    for k in (10, 200):
        hits = index.shortlist(structure.take(np.arange(4)), Stage(16, k), in_order=in_order)
        for query in range(4):
            rows = hits.rows[query][hits.rows[query] >= 0]
            assert len(rows) >= min(k, live.sum())
            assert live[rows].all()
            assert len(set(rows.tolist())) == len(rows)


def test_structures_find_among_live_rows_nearly_what_exact_prefixes_find(structure, stored):
    live = np.random.default_rng(1).random(3_000) < 0.6  # more than are compared one by one
    queries, funnel = stored.take(np.arange(50), 72), Funnel.parse("16:100,72:10")
    true = exact(stored, queries, [72], 10, live)[72].rows
    wanted = exact(stored, queries, [16], 100, live)[16].rows
    rows = search(structure.among(live), queries, funnel).rows
    recall, most = (
        np.mean([len(set(a) & set(b)) / 10 for a, b in zip(some, true, strict=True)]) for some in (rows, wanted)
    )
    assert recall > most - 0.05


def test_a_query_whose_cells_hold_too_few_live_rows_gets_the_others(stored):
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("IVF16,PQ8x4fsr,Refine(SQ4)", 1)))
    live = np.random.default_rng(0).random(len(stored)) < 0.5
    hits = index.among(live).shortlist(stored.take(np.arange(3), 72), Stage(16, 1_200))
    assert ((hits.rows >= 0).sum(axis=1) == 1_200).all()
    assert live[hits.rows].all()


def test_rerank_leaves_deleted_rows_out_whoever_gives_them(stored):
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("Flat")))
    queries = stored.take(np.arange(3), 72)
    hits = index.shortlist(queries, Stage(16, 50))
    live = np.ones(len(stored), bool)
    live[hits.rows[:, 0]] = False
    found = index.among(live).rerank(queries, hits, Stage(72, 50))
    assert not set(hits.rows[:, 0].tolist()) & set(found.rows.ravel().tolist())


def test_segments_of_codes_and_sketches_merge_with_exact_ones(stored):
    big, small = stored.data[:2_500], stored.data[2_500:]
    first = StoredVectors(big, "float32")
    coded = VectorIndex(first, build_prefix(first, 16, REFINED), sketched(first))
    index = SegmentedIndex([coded, index_of(small, dim=16)], [2_500, 500], 16, 72)
    queries = stored.take(np.arange(0, 3_000, 60), 72)
    found = search(index, queries, Funnel.parse("16:400,72:10"))
    wanted = exact(stored, queries, [72], 10)[72].rows
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.rows, wanted, strict=True)]) > 0.95
    assert (found.rows[:, 0] == np.arange(0, 3_000, 60)).all()


def test_what_is_reranked_next_is_not_scored_before_if_codes_chose_some_of_it_and_it_is_not_much_more(stored):
    parts = stored.data[:2_880], stored.data[2_880:2_900], stored.data[2_900:]
    coded = VectorIndex(
        StoredVectors(parts[0], "float32"), build_prefix(StoredVectors(parts[0], "float32"), 16, REFINED)
    )
    index = SegmentedIndex([coded, *(index_of(part, dim=16) for part in parts[1:])], [2_880, 20, 100], 16, 72)
    queries, first, last = stored.data[:9], Stage(16, 120), Stage(72, 10)
    hits = index.shortlist(queries, first, in_order=False)
    assert np.isneginf(hits.scores).all()
    assert hits.rows.shape == (9, 240)  # 120 of the codes, all of the two small ones
    found = index.rerank(queries, hits, last)
    scored = index.rerank(queries, index.shortlist(queries, first), last)
    assert (found.scores >= scored.scores - 1e-6).all()  # of more rows; nothing is lost by not choosing
    one = index.rerank(queries[:1], Hits(hits.scores[:1], hits.rows[:1]), last)
    assert (one.rows.tolist(), one.scores.tolist()) == (found.rows[:1].tolist(), found.scores[:1].tolist())
    assert not np.isneginf(index.shortlist(queries, Stage(16, 90), in_order=False).scores).any()  # 90 + 20 + 90


@pytest.mark.parametrize("has_bounds", [True, False])
def test_a_proof_over_segments_and_deleted_rows_is_exact(stored, has_bounds):
    live = np.random.default_rng(2).random(len(stored)) < 0.7
    first = StoredVectors(stored.data[:2_000], "float32")
    base = VectorIndex(first, build_prefix(first, 16, Codec("Flat")), bounds=bounded(first) if has_bounds else None)
    index = SegmentedIndex([base, index_of(stored.data[2_000:], dim=16)], [2_000, 1_000], 16, 72).among(live)
    assert (index.bounds is not None) == has_bounds
    queries = stored.take(np.arange(20), 72)
    found = index.proven(queries, search(index, queries, Funnel.parse("16:10,72:10")))
    wanted = exact(stored, queries, [72], 10, live)[72]
    np.testing.assert_array_equal(found.rows, wanted.rows)
    np.testing.assert_array_equal(found.scores, wanted.scores)


def test_a_certificate_over_segments_is_true(stored):
    live = np.random.default_rng(2).random(len(stored)) < 0.7
    index = split(stored.data, [1_000, 1_700], live, dim=64)
    queries = stored.take(np.arange(40), 72)
    first = index.shortlist(queries, stage := Stage(64, 600))
    last = index.rerank(queries, first, whole := Stage(72, 3))
    certified, _ = certificates(index, queries, [(stage, first), (whole, last)])
    wanted = exact(stored, queries, [72], 3, live)[72].rows
    assert certified.any()
    np.testing.assert_array_equal(last.rows[certified], wanted[certified])


def test_an_index_without_segments_finds_nothing():
    index = SegmentedIndex([], [], 8, 32)
    hits = search(index, np.ones((2, 32), np.float32), Funnel.parse("8:10,32:5"))
    assert hits.rows.tolist() == [[-1], [-1]]
    assert certificates(index, np.ones((2, 32), np.float32), [(Stage(8, 10), hits)]).certified.all()
    assert len(index) == 0
    with pytest.raises(FunnelError, match="starts at 16 dims, wanted 8 or 32"):
        index.shortlist(np.ones((2, 32), np.float32), Stage(16, 3))


def test_rows_are_taken_from_their_segments(stored):
    index = split(stored.data, [1_000, 1_700])
    rows = np.array([2_999, 0, 1_000, 999, 1_700])
    np.testing.assert_array_equal(index.take(rows), stored.take(rows, 72))


def test_who_would_read_all_vectors_in_one_pass_is_told_to_compact(stored):
    one = index_of(stored.data)
    for index, told in (
        (split(stored.data, [1_000]), "2 segments beside 0 deleted"),
        (one.among(np.arange(len(stored)) > 2), "1 segment beside 3 deleted"),
    ):
        assert not index.is_whole
        with pytest.raises(IndexStoreError, match=f"{told} ones, .* run `mrl-search compact INDEX` first"):
            _ = index.stored
    assert one.is_whole


def test_deleted_rows_are_none_of_its_rows_however_often_some_are_left_out(stored):
    live = np.arange(len(stored)) % 2 == 0
    index = index_of(stored.data).among(live).among(np.arange(len(stored)) < 10)
    assert index.rows.tolist() == [0, 2, 4, 6, 8]
    assert len(index) == 5
    assert split(stored.data, [4], np.arange(len(stored)) < 6).rows.tolist() == [0, 1, 2, 3, 4, 5]

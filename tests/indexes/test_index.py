import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.errors import FunnelError
from mrl_search.funnel import Funnel, Stage
from mrl_search.hits import best
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix, packed
from mrl_search.retriever import search
from mrl_search.vectors import prefix, unit


def index_of(vectors, prefix_dim=2, dtype="float32"):
    stored = StoredVectors(packed(unit(vectors), dtype), dtype)
    return VectorIndex(stored, build_prefix(stored, prefix_dim, Codec("Flat")))


def naive_search(vectors, queries, funnel):
    """The funnel by the book: cosines of prefixes in float64, one query at a time, plain sorts."""
    answers = []
    for query in queries:
        kept = range(len(vectors))
        for stage in funnel.stages:
            documents = vectors[:, : stage.dim].astype(np.float64)
            cosines = documents @ query[: stage.dim].astype(np.float64)
            lengths = np.linalg.norm(documents, axis=1) * np.linalg.norm(query[: stage.dim])
            cosines = np.round(np.divide(cosines, lengths, out=np.zeros_like(cosines), where=lengths > 0), 9)
            kept = sorted(kept, key=lambda row: (-cosines[row], row))[: stage.k]
        answers.append(kept)
    return answers


def test_rerank_overturns_a_prefix_that_misleads():
    docs = np.array([[0.8, 0.6, 0], [0.6, 0, 0.8]], dtype=np.float32)
    query = np.array([[0.48, 0.36, 0.8]], dtype=np.float32)
    # cosine at 2 dims: 1.00 and 0.80; at 3 dims: 0.60 and 0.928
    assert search(index_of(docs), query, Funnel.parse("2:2,3:1")).rows.tolist() == [[1]]


def test_scores_are_cosines_at_the_last_width():
    docs = np.array([[3, 4, 0], [0, 3, 4]], dtype=np.float32)
    hits = search(index_of(docs), np.array([[0, 5, 0]], np.float32), Funnel.parse("2:2,3:2"))
    np.testing.assert_allclose(hits.scores, [[0.8, 0.6]], atol=1e-6)


@pytest.mark.parametrize("funnel", ["8:600,32:60", "8:50,32:10", "8:300,16:40,24:20,32:5", "32:10", "8:700,32:20"])
@pytest.mark.parametrize("count", [1, 40])
def test_every_funnel_equals_the_naive_one(clustered, funnel, count):
    hits = search(index_of(clustered, 8), clustered[:count], Funnel.parse(funnel))
    expected = naive_search(clustered, clustered[:count], Funnel.parse(funnel))
    assert [hits.of(q)[1].tolist() for q in range(count)] == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 40), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_a_corpus_full_of_copies_equals_the_naive_search(n, first, last, queries, seed):
    random = np.random.default_rng(seed)
    docs = random.standard_normal((5, 3)).astype(np.float32)[random.integers(0, 5, n)]
    asked = random.standard_normal((queries, 3)).astype(np.float32)
    funnel = Funnel((Stage(2, max(first, last)), Stage(3, last)))
    hits = search(index_of(docs), asked, funnel)
    assert [hits.of(q)[1].tolist() for q in range(queries)] == naive_search(docs, asked, funnel)


def test_k_beyond_the_documents_takes_no_more_places_than_there_are_documents(clustered):
    hits = search(index_of(clustered[:5], 8), clustered[:1], Funnel.parse("8:999999999,32:900000000"))
    assert hits.rows.shape == (1, 5)
    assert sorted(hits.rows[0].tolist()) == [0, 1, 2, 3, 4]


def test_places_an_approximate_prefix_leaves_empty_are_at_the_end():
    docs = np.eye(8, dtype=np.float32)
    stored = StoredVectors(np.repeat(docs, 40, axis=0), "float32")
    index = VectorIndex(stored, build_prefix(stored, 8, Codec("IVF8,Flat")))  # four lists of eight are searched
    hits = index.shortlist(docs[:1], Stage(8, 300))
    found = int((hits.rows >= 0).sum())
    assert 40 <= found < 300
    assert (hits.rows[0, found:] == -1).all()
    assert (hits.scores[0, found:] == -np.inf).all()
    assert len(hits.of(0)[1]) == found


@pytest.mark.parametrize("funnel", ["768:10", "64:200,768:10", "64:10"])
def test_copies_score_alike_and_come_in_row_order_in_a_batch_as_alone(funnel):
    # from 20 queries on FAISS multiplies matrices, whose edges round otherwise; 300 queries at 768 dims showed it
    random = np.random.default_rng(5)
    index = index_of(np.tile(random.standard_normal((1, 768)).astype(np.float32), (1200, 1)), 64)
    queries = unit(random.standard_normal((300, 768)).astype(np.float32))
    hits = search(index, queries, Funnel.parse(funnel))
    assert (hits.rows == np.arange(10)).all()
    assert (hits.scores == hits.scores[:, :1]).all()
    assert search(index, queries[:1], Funnel.parse(funnel)).scores.tolist() == hits.scores[:1].tolist()


def test_a_query_of_zeros_scores_zero_with_all_and_gets_the_first_rows(clustered):
    hits = search(index_of(clustered, 8), np.zeros((2, 32), np.float32), Funnel.parse("8:50,32:3"))
    assert hits.rows.tolist() == [[0, 1, 2]] * 2
    assert (hits.scores == 0).all()


def test_a_document_of_zeros_scores_zero(clustered):
    docs = np.concatenate([clustered[:3], np.zeros((1, 32), np.float32)])
    scores, rows = search(index_of(docs, 8), clustered[:1], Funnel.parse("8:4,32:4")).of(0)
    assert scores[rows.tolist().index(3)] == 0


def test_zero_queries_give_zero_lines(clustered):
    hits = search(index_of(clustered, 8), clustered[:0], Funnel.parse("8:9,32:7"))
    assert hits.rows.shape == (0, 7)


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_rounded_vectors_score_within_the_rounding(clustered, dtype):
    funnel = Funnel.parse("8:100,32:10")
    exact, rounded = (search(index_of(clustered, 8, d), clustered[:20], funnel) for d in ("float32", dtype))
    np.testing.assert_allclose(rounded.scores, exact.scores, atol=0.01)


def test_a_funnel_that_starts_elsewhere_says_where_it_may_start(clustered):
    with pytest.raises(FunnelError, match="starts at 16 dims, but this index was built for 8; start at 8"):
        index_of(clustered, 8).shortlist(clustered[:1], Stage(16, 5))


def test_a_stage_beyond_the_stored_width_is_refused(clustered):
    index = index_of(clustered, 8)
    hits = best(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.int64), 1)
    with pytest.raises(FunnelError, match="asks for 64 dims, but this index stores 32"):
        index.rerank(clustered[:1], hits, Stage(64, 1))


def test_queries_narrower_than_a_stage_are_refused(clustered):
    with pytest.raises(FunnelError, match="the stage 32:5 is wider than the queries"):
        index_of(clustered, 8).shortlist(prefix(clustered[:1], 16), Stage(32, 5))


def test_without_prefixes_every_width_is_searched_exactly(clustered):
    stored = StoredVectors(clustered, "float32")
    bare, queries = VectorIndex(stored), clustered[:5]
    assert (bare.prefix_dim, bare.prefix_bytes, bare.cells) == (32, 0, 1)
    for dim in (8, 32):
        wanted = VectorIndex(stored, build_prefix(stored, dim, Codec("Flat"))).shortlist(queries, Stage(dim, 10))
        for index in (bare, bare.with_probes(3)):
            assert index.shortlist(queries, Stage(dim, 10)).rows.tolist() == wanted.rows.tolist()

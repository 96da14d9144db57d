from dataclasses import replace

import faiss
import numpy as np
import pytest

from mrl_search.errors import IndexStoreError
from mrl_search.funnel import Funnel, Stage
from mrl_search.indexes.cells import Cells, _unwrapped
from mrl_search.indexes.codecs import Codec
from mrl_search.indexes.index import VectorIndex
from mrl_search.indexes.kernels import TABLES
from mrl_search.indexes.prefix import build_prefix, read_prefix
from mrl_search.indexes.stored import StoredVectors
from mrl_search.retriever import search
from mrl_search.vectors import prefix, unit

pytestmark = pytest.mark.skipif(not TABLES, reason="this CPU has no byte shuffle")


@pytest.fixture(scope="module")
def stored():
    random = np.random.default_rng(0)
    centres = random.standard_normal((40, 32)).astype(np.float32)
    vectors = centres[random.integers(0, 40, 3_000)] + 0.5 * random.standard_normal((3_000, 32)).astype(np.float32)
    return StoredVectors(unit(vectors), "float32")


def naive(built, query, probes, wanted, k):
    """The k best, by exact sums of what FAISS decodes: of the nearest cells' codes, then of the finer ones."""
    order, inner = _unwrapped(faiss, built._index)
    asked = query[order]
    finer = None
    if isinstance(inner, faiss.IndexRefine):
        inner, finer = faiss.downcast_index(inner.base_index), faiss.downcast_index(inner.refine_index)
    rows = np.arange(inner.ntotal)
    if isinstance(inner, faiss.IndexIVF):
        quantizer = faiss.downcast_index(inner.quantizer)
        nearest = quantizer.search(asked[None], probes)[1][0]
        rows = np.concatenate(
            [faiss.rev_swig_ptr(inner.invlists.get_ids(int(c)), inner.invlists.list_size(int(c))) for c in nearest]
        )
        inner.make_direct_map()
    decoded = np.stack([inner.reconstruct(int(row)) for row in rows])
    rows = rows[np.argsort(-(decoded @ asked), kind="stable")][:wanted]
    if finer is not None:
        rows = rows[np.argsort(-(np.stack([finer.reconstruct(int(row)) for row in rows]) @ asked), kind="stable")]
    return rows[:k].tolist()


@pytest.mark.parametrize(
    "factory",
    [
        "PQ16x4fs",
        "IVF16,PQ16x4fs",
        "IVF16,PQ16x4fsr",
        "IVF16,PQ32x4fsr",
        "PQ8x4fs,Refine(SQ4)",
        "IVF16,PQ8x4fsr,Refine(SQ4)",
    ],
)
@pytest.mark.parametrize("k", [1, 37, 700])
def test_the_scan_equals_a_naive_one(stored, factory, k):
    built = build_prefix(stored, 32, Codec(factory, 5 if "IVF" in factory else None))
    queries = stored.data[:6]
    wanted = 3 * k if built._cells.are_refined else k
    found = built._cells.candidates(queries, k, wanted)
    for query, rows in zip(queries, found, strict=True):
        expected = naive(built, query, 5, wanted, k)
        assert len(expected) < k or (rows >= 0).all()
        # tables, centres and weights of a query are rounded to bytes
        assert len(set(rows[rows >= 0].tolist()) & set(expected)) >= 0.9 * len(expected) - 1


@pytest.mark.parametrize("factory", ["PQ16x4fs", "IVF16,PQ16x4fs", "IVF16,PQ16x4fsr"])
def test_it_finds_what_faiss_finds_in_the_same_structure(stored, factory):
    built = build_prefix(stored, 32, Codec(factory))
    queries = stored.data[:50]
    ours = built._cells.candidates(queries, 100, 100)
    theirs = built._index.search(queries, 100)[1]
    shares = [len(set(a.tolist()) & set(b.tolist())) / 100 for a, b in zip(ours, theirs, strict=True)]
    assert np.mean(shares) > 0.97  # FAISS scales the tables of a query a little differently


def test_finer_codes_find_more(stored):
    queries = stored.data[:100]
    exact = build_prefix(stored, 32, Codec("Flat")).candidates(queries, 10)[:, :10]
    shares = []
    for factory in ("IVF16,PQ8x4fsr", "IVF16,PQ8x4fsr,Refine(SQ4)"):
        found = build_prefix(stored, 32, Codec(factory, 16))._cells.candidates(queries, 10, 120)
        shares.append(np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]))
    assert shares[1] > shares[0] + 0.25, shares


def test_a_refined_shortlist_need_not_be_scored_before_it_is_reranked(stored):
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("IVF16,PQ8x4fsr,Refine(SQ4)", 8)))
    stages = Stage(16, 120), Stage(32, 10)
    hits = index.shortlist(stored.data[:20], stages[0], in_order=False)
    assert hits.rows.shape == (20, 120)
    assert np.isneginf(hits.scores).all()
    reranked = index.rerank(stored.data[:20], hits, stages[1])
    assert reranked.rows.tolist() == search(index, stored.data[:20], Funnel(stages)).rows.tolist()
    scored = index.rerank(stored.data[:20], index.rerank(stored.data[:20], hits, stages[0]), stages[1])
    assert (reranked.rows.tolist(), reranked.scores.tolist()) == (scored.rows.tolist(), scored.scores.tolist())


@pytest.mark.parametrize(("k", "share"), [(10, 0.9), (20, 0.88), (50, 0.85)])
def test_a_small_shortlist_holds_the_best_by_prefix_though_it_is_reranked(stored, k, share):
    index = VectorIndex(stored, build_prefix(stored, 16, Codec("IVF16,PQ8x4fsr,Refine(SQ4)")))
    last, first = (index.shortlist(stored.data[:100], Stage(16, k), in_order=order).rows for order in (True, False))
    found = np.mean([np.isin(a, b).mean() for a, b in zip(last, first, strict=True)])
    assert found > share, found


def test_more_cells_find_more_and_all_cells_find_all(stored):
    built = build_prefix(stored, 32, Codec("IVF16,PQ16x4fs", 1))
    found = [
        (built.with_probes(probes).candidates(stored.data[:5], 3_000) >= 0).sum(axis=1) for probes in (1, 4, 16, 99)
    ]
    assert (found[0] < found[1]).all()
    assert (found[1] < found[2]).all()
    assert (found[2] == found[3]).all()
    assert (found[3] == 3_000).all()


def test_a_batch_over_threads_finds_what_single_queries_find(stored):
    built = build_prefix(stored, 32, Codec("IVF16,PQ16x4fs", 4))
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        together = built.candidates(stored.data[:100], 20)
    finally:
        faiss.omp_set_num_threads(before)
    alone = np.concatenate([built.candidates(stored.data[row : row + 1], 20) for row in range(100)])
    assert np.sort(together).tolist() == np.sort(alone).tolist()


@pytest.mark.parametrize(("factory", "each"), [("IVF16,PQ16x4fs", 8), ("IVF16,PQ8x4fsr,Refine(SQ4)", 4 + 32)])
def test_what_is_read_back_searches_alike_and_drops_faiss_own_copy(tmp_path, stored, factory, each):
    built = build_prefix(stored, 32, Codec(factory, 4))
    built.write(tmp_path / "p")
    again = read_prefix(tmp_path / "p", 3_000, 32)
    assert again._index is None
    assert again.candidates(stored.data[:9], 30).tolist() == built.candidates(stored.data[:9], 30).tolist()
    assert again.nbytes < 3_000 * (each + 4) * 1.3 + 16 * 32 * 4 + 32 * 64 + 1_000  # 16 of the 32 bytes are room


def test_a_refined_index_asked_for_a_final_answer_scores_more_than_it_gives(stored):
    exact, refined = (
        VectorIndex(stored, build_prefix(stored, 32, Codec(factory)))
        for factory in ("Flat", "IVF16,PQ16x4fsr,Refine(SQ4)")
    )
    rows = [index.shortlist(stored.data[:100], Stage(32, 10)).rows for index in (exact, refined)]
    assert np.mean([np.isin(a, b).mean() for a, b in zip(*rows, strict=True)]) > 0.94


def test_a_zero_query_and_empty_cells_find_what_there_is(stored):
    twice = StoredVectors(np.repeat(stored.data[:40], 30, axis=0), "float32")  # 40 different rows for 64 cells
    built = build_prefix(twice, 32, Codec("IVF64,PQ16x4fsr,Refine(SQ4)", 64))
    assert (np.diff(built._cells.codes.starts) == 0).any()
    assert sorted(built.candidates(np.zeros((1, 32), np.float32), 400)[0].tolist()) == list(range(1_200))
    assert built.with_probes(0)._cells.probes == 1
    some = built.with_probes(12).candidates(twice.data[:1], 400)[0]
    assert -1 in some
    assert set(range(30)) <= set(some.tolist())


def test_a_dim_that_never_varies_does_not_drown_the_others(stored):
    vectors = stored.data.copy()
    vectors[:, 5] = 0
    queries = vectors[:100].copy()
    queries[:, 5] = 3
    index = build_prefix(StoredVectors(vectors, "float32"), 32, Codec("IVF16,PQ16x4fsr,Refine(SQ4)", 16))
    found = index._cells.candidates(queries, 10, 200)
    exact = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :10]
    assert np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]) > 0.6


@pytest.mark.parametrize("factory", ["SQ8", "PQ4x8", "PQ16x4", "PCA16,PQ16x4fs", "PQ16x4fs,Refine(SQ8)"])
def test_other_structures_stay_with_faiss(stored, factory):
    built = build_prefix(stored, 32, Codec(factory))
    assert built._cells is None
    assert built.cells == 1
    assert built.with_probes(3) is built


def test_dims_are_dealt_to_tables_so_that_each_has_as_much_to_say(stored):
    strong_first = StoredVectors(unit(stored.data * np.geomspace(1, 0.05, 32, dtype=np.float32)), "float32")
    order = build_prefix(strong_first, 32, Codec("PQ16x4fs"))._cells.codes.order
    assert sorted(order) == list(range(32))
    energy = np.square(prefix(strong_first.data, 32)).sum(axis=0)
    each = energy[order].reshape(16, 2).sum(axis=1)
    in_order = energy.reshape(16, 2).sum(axis=1)
    assert each.max() / each.min() < in_order.max() / in_order.min()


@pytest.mark.parametrize("factory", ["IVF16,PQ16x4fs", "IVF16,PQ16x4fsr,Refine(SQ4)"])
def test_a_cpu_without_the_instruction_leaves_the_search_to_faiss(stored, monkeypatch, tmp_path, factory):
    ours = build_prefix(stored, 32, Codec(factory, 8))
    ours.write(tmp_path / "p")
    monkeypatch.setattr("mrl_search.indexes.kernels.TABLES", 0)
    theirs = read_prefix(tmp_path / "p", 3_000, 32)
    assert theirs._cells is None
    assert Cells.of(faiss, ours._index) is None
    found = [built.candidates(stored.data[:50], 10) for built in (ours, theirs)]
    assert (found[1] >= 0).all()
    shares = [row in rows for row, rows in enumerate(found[1])]  # each query is a row and finds itself
    assert np.mean(shares) == np.mean([row in rows for row, rows in enumerate(found[0])]) == 1


def test_the_sum_of_many_wide_tables_does_not_overflow():
    random = np.random.default_rng(8)
    signs = StoredVectors(unit(random.choice([-1.0, 1.0], (1_500, 640)).astype(np.float32)), "float32")
    cells = build_prefix(signs, 640, Codec("PQ320x4fs"))._cells  # 320 · 255 is more than 16 bits hold
    found = cells.candidates(signs.data[:50], 20, 20)
    assert np.mean([row in rows for row, rows in enumerate(found)]) > 0.95


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_query_that_is_no_number_breaks_nothing(stored, wrong):
    query = stored.data[:1].copy()
    query[0, 3] = wrong
    rows = build_prefix(stored, 32, Codec("IVF16,PQ16x4fs", 4)).candidates(query, 10)
    assert ((rows >= -1) & (rows < 3_000)).all()


@pytest.mark.parametrize(
    "damage",
    [
        {"order": np.full(32, 10**9)},
        {"centre_step": np.float32(np.nan)},
        {"finer": np.zeros((7, 32), np.uint8)},
        {"blocks": np.zeros(64, np.uint8)},
        {"starts": np.arange(17) * 1_000},
        {"centroids": np.zeros((16, 3, 16), np.float32)},
    ],
)
def test_arrays_that_would_lead_the_kernel_astray_are_refused(stored, damage):
    built = build_prefix(stored, 32, Codec("IVF16,PQ16x4fs", 4))
    with pytest.raises(IndexStoreError, match="contradicts itself"):
        replace(built._cells, codes=built._cells.codes._replace(**damage))._checked(
            faiss.downcast_index(built._index.index)
        )


def test_a_row_that_stands_there_twice_is_refused(stored):
    built = build_prefix(stored, 32, Codec("IVF16,PQ16x4fs", 4))
    rows = built._cells.codes.rows.copy()
    rows[rows == 5] = 6
    with pytest.raises(IndexStoreError, match="contradicts itself"):
        replace(built._cells, codes=built._cells.codes._replace(rows=rows))._checked(
            faiss.downcast_index(built._index.index)
        )

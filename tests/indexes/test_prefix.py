import numpy as np
import pytest

from mrl_search.errors import IndexStoreError, MissingPackageError
from mrl_search.indexes.codecs import Codec, check_codec, load_faiss
from mrl_search.indexes.prefix import build_prefix, read_prefix
from mrl_search.indexes.scoring import scored
from mrl_search.indexes.stored import StoredVectors
from mrl_search.vectors import prefix, unit


def assert_best(rows, vectors, query, k):
    """`rows` are the k best by brute force: score down, rows of equal vectors up; float noise may swap near-equals."""
    scores = vectors.astype(np.float64) @ query.astype(np.float64)
    assert len(set(rows)) == len(rows) == min(k, len(vectors))
    assert np.diff(scores[rows]).max(initial=-1) < 1e-6
    assert scores[rows[-1]] > np.sort(scores)[-len(rows)] - 1e-6
    copies = {}
    for row, vector in enumerate(vectors):
        copies.setdefault(vector.tobytes(), []).append(row)
    for same in copies.values():
        kept = [row for row in rows if row in same]
        assert kept == same[: len(kept)]  # in row order, and none left out before one that is in


def search(stored, prefixes, queries, k):
    """The candidates of a prefix index, scored by the vectors as VectorIndex does."""
    return scored(stored, queries, prefixes.candidates(queries, k), prefixes.dim, k)


@pytest.mark.parametrize("k", [1, 3, 10, 600, 700])
@pytest.mark.parametrize("count", [1, 30])  # FAISS takes another path from 20 queries on
def test_exact_search_equals_brute_force_even_where_equals_straddle_the_cut(clustered, k, count):
    stored = StoredVectors(clustered, "float32")
    queries = prefix(clustered[:count], 8)
    found = search(stored, build_prefix(stored, 8, Codec("Flat")), queries, k)
    assert found.rows.shape == (count, k)
    for place, query in enumerate(queries):
        assert_best(found.of(place)[1].tolist(), prefix(clustered, 8), query, k)


def test_all_documents_alike_come_in_row_order():
    same = StoredVectors(np.tile(np.array([[0.6, 0.8]], np.float32), (50, 1)), "float32")
    query = np.array([[1, 0]], np.float32)
    assert search(same, build_prefix(same, 2, Codec("Flat")), query, 4).rows.tolist() == [[0, 1, 2, 3]]


def test_no_query_finds_nothing(clustered):
    for factory in ("Flat", "SQ8", "PQ4x4fs"):
        prefixes = build_prefix(StoredVectors(clustered, "float32"), 8, Codec(factory))
        assert len(prefixes.candidates(np.empty((0, 8), np.float32), 5)) == 0


@pytest.mark.parametrize("factory", ["SQ8", "HNSW16", "IVF8,Flat", "PQ4x4fs", "PCA4,Flat"])
def test_any_factory_string_finds_most_of_the_top_ten(clustered, factory):
    stored = StoredVectors(clustered, "float32")
    queries = prefix(clustered[1::60], 8)
    found = search(stored, build_prefix(stored, 8, Codec(factory)), queries, 50)
    exact = search(stored, build_prefix(stored, 8, Codec("Flat")), queries, 10)
    shares = [len({*found.of(q)[1]} & {*exact.of(q)[1]}) / 10 for q in range(len(queries))]
    assert np.mean(shares) > 0.8


@pytest.mark.parametrize("factory", ["HNSW16", "HNSW16,SQ8"])
def test_a_graph_is_searched_as_widely_as_rows_are_wanted(factory):
    # FAISS 1.15 found .92 of the top 10 among 400 candidates of 50,000 sentences with its own efSearch of 16
    vectors = unit(np.random.default_rng(1).standard_normal((4_000, 24)).astype(np.float32))
    stored = StoredVectors(vectors, "float32")
    found = build_prefix(stored, 24, Codec(factory)).candidates(vectors[:40], 200)
    exact = np.argsort(-(vectors[:40] @ vectors.T), axis=1)[:, :100]
    assert np.mean([np.isin(top, rows).mean() for top, rows in zip(exact, found, strict=True)]) > 0.97


@pytest.mark.parametrize(
    ("codec", "probes"),
    [(Codec("IVF16,Flat"), 8), (Codec("IVF16,PQ8x4fsr"), 16), (Codec("IVF16,PQ8x4fsr", 3), 3), (Codec("IVF1,Flat"), 1)],
)
def test_an_ivf_searches_half_of_its_lists_or_all_of_4_bit_codes_or_as_many_as_told(clustered, codec, probes):
    built = build_prefix(StoredVectors(clustered, "float32"), 8, codec)
    assert load_faiss().extract_index_ivf(built._index).nprobe == probes


def test_training_draws_the_same_rows_every_time(clustered, monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.codecs._TRAINED_ON", 300)
    stored = StoredVectors(clustered, "float32")
    first, second = (build_prefix(stored, 8, Codec("PQ4x4")).candidates(prefix(clustered[:9], 8), 5) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_a_written_prefix_reads_back_the_same(tmp_path, clustered):
    built = build_prefix(StoredVectors(clustered, "float32"), 8, Codec("SQ8"))
    built.write(tmp_path / "prefix.faiss")
    again = read_prefix(tmp_path / "prefix.faiss", 600, 8)
    queries = prefix(clustered[:5], 8)
    assert again.candidates(queries, 9).tolist() == built.candidates(queries, 9).tolist()
    assert again.nbytes == (tmp_path / "prefix.faiss").stat().st_size


def test_the_size_is_that_of_what_faiss_would_write(clustered):
    built = build_prefix(StoredVectors(clustered, "float32"), 8, Codec("Flat"))
    assert built.nbytes == load_faiss().serialize_index(built._index).nbytes


def test_exact_prefixes_have_room_for_all_rows_before_the_first_is_added(clustered, monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 77)
    faiss, places = load_faiss(), set()
    add = faiss.IndexFlat.add

    def noting(index, block):
        add(index, block)
        places.add(int(index.codes.data()))

    monkeypatch.setattr(faiss.IndexFlat, "add", noting)
    built = build_prefix(StoredVectors(clustered, "float32"), 8, Codec("Flat"))
    assert len(places) == 1  # never moved to a larger place
    np.testing.assert_array_equal(built._index.reconstruct_n(0, 600), prefix(clustered, 8))


def test_a_prefix_that_does_not_fit_the_manifest_is_refused(tmp_path, clustered):
    build_prefix(StoredVectors(clustered, "float32"), 8, Codec("Flat")).write(tmp_path / "p")
    with pytest.raises(IndexStoreError, match="holds 600 × 8, the manifest says 599 × 8"):
        read_prefix(tmp_path / "p", 599, 8)


def test_a_factory_string_faiss_does_not_know_is_one_clear_line():
    with pytest.raises(IndexStoreError, match="FAISS does not take --prefix 'Nonsense' at 8 dims: could not parse"):
        check_codec(8, Codec("Nonsense"))


def test_too_few_documents_to_train_on_is_one_clear_line(clustered):
    with pytest.raises(IndexStoreError, match="cannot build --prefix 'IVF64,Flat' over 10 × 8: .*training points"):
        build_prefix(StoredVectors(clustered[:10], "float32"), 8, Codec("IVF64,Flat"))


def test_without_faiss_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mrl-search\[cpu\]'"):
        check_codec(8, Codec("Flat"))


def test_more_probes_than_cells_are_refused(clustered):
    with pytest.raises(IndexStoreError, match="17 cells, and IVF16,Flat has 16"):
        build_prefix(StoredVectors(clustered, "float32"), 8, Codec("IVF16,Flat", 17))


def test_what_faiss_cannot_search_is_one_clear_line(clustered):
    class Failing:
        def search(self, *told, **more):
            raise RuntimeError("Error in void f() at a.cpp:7: Error: 'nprobe > 0' failed")

    built = build_prefix(StoredVectors(clustered, "float32"), 8, Codec("SQ8"))
    built._index = Failing()
    with pytest.raises(IndexStoreError, match="FAISS cannot search this prefix index: 'nprobe > 0' failed"):
        built.candidates(clustered[:2], 5)

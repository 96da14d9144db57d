import sys
from types import SimpleNamespace

import pytest

from mrl_search.errors import DeviceError, IndexStoreError
from mrl_search.indexes.codecs import Codec, check_codec, chosen_codec, load_faiss


@pytest.mark.parametrize(
    ("count", "dim", "expected"),
    [
        (5_000, 128, Codec("Flat")),
        (9_999, 128, Codec("Flat")),
        (10_000, 128, Codec("PQ64x4fs")),
        (99_999, 64, Codec("PQ64x4fs")),
        (100_000, 128, Codec("IVF512,PQ32x4fsr,Refine(SQ4)")),
        (290_000, 128, Codec("IVF1024,PQ32x4fsr,Refine(SQ4)")),
        (290_000, 64, Codec("IVF1024,PQ32x4fsr,Refine(SQ4)")),
        (290_000, 8, Codec("PQ8x4fs")),
        (290_000, 256, Codec("IVF1024,PQ64x4fsr,Refine(SQ4)")),
        (290_000, 99, Codec("Flat")),  # tables of two dims do not come out even
        (90_000, 768, Codec("Flat")),  # 384 tables would overflow 16 bits
        (290_000, 768, Codec("IVF1024,PQ192x4fsr,Refine(SQ4)")),
        (290_000, 24, Codec("PQ24x4fs")),  # 12 tables are not looked up together
        (800_000, 128, Codec("IVF2048,PQ32x4fsr,Refine(SQ4)")),
    ],
)
def test_the_codec_is_chosen_by_size(count, dim, expected):
    assert chosen_codec(count, dim) == expected


@pytest.mark.parametrize("factory", ["HNSW0", "HNSW1,Flat", "IVF4_HNSW1,Flat"])
def test_a_graph_of_lone_rows_is_refused_before_faiss_crashes(factory):
    with pytest.raises(IndexStoreError, match="at least two neighbours"):
        check_codec(16, Codec(factory))


@pytest.mark.parametrize("factory", ["IVF0,Flat", "IVF00,PQ8x4fsr,Refine(SQ4)"])
def test_an_ivf_without_cells_is_refused_before_faiss_crashes(factory):
    with pytest.raises(IndexStoreError, match="at least one cell"):
        check_codec(16, Codec(factory))


def test_a_faiss_that_cannot_be_loaded_is_not_taken_for_a_wrong_codec(tmp_path, monkeypatch):
    (tmp_path / "faiss.py").write_text("raise RuntimeError('faiss-gpu installed but nvidia-cublas-cu12 is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "faiss", raising=False)
    with pytest.raises(
        DeviceError, match="FAISS cannot be loaded: faiss-gpu installed but nvidia-cublas-cu12 is missing"
    ):
        check_codec(8, Codec("Flat"))


@pytest.mark.parametrize(("before", "after"), [(128_000, 1_600), (20, 20), (5_000, 5_000)])
def test_a_batch_is_multiplied_as_a_matrix_unless_somebody_set_another_limit(monkeypatch, before, after):
    # FAISS's own 128,000 numbers, or what is set on purpose; 800 for each of two threads
    limits = SimpleNamespace(distance_compute_blas_threshold=before)
    monkeypatch.setitem(sys.modules, "faiss", SimpleNamespace(cvar=limits, omp_get_max_threads=lambda: 2))
    load_faiss()
    assert limits.distance_compute_blas_threshold == after


def test_the_faiss_that_is_installed_multiplies_batches_as_matrices():
    import faiss

    load_faiss()
    assert faiss.cvar.distance_compute_blas_threshold <= 800 * faiss.omp_get_max_threads()

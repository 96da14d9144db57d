import numpy as np
import pytest

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.stored import StoredVectors, header, map_vectors, packed, unpacked
from mrl_search.vectors import prefix


def test_bfloat16_keeps_the_upper_half_of_the_bits_rounded_to_even():
    # 1 + 2^-8 lies midway between the bfloat16 numbers 1 and 1 + 2^-7: the even one is 1
    values = np.array([[1.0, -0.5, 1 + 2**-8, 1 + 3 * 2**-8]], np.float32)
    assert unpacked(packed(values, "bfloat16"), "bfloat16").tolist() == [[1.0, -0.5, 1.0, 1 + 2**-6]]


def test_bfloat16_agrees_with_torch():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).standard_normal((50, 40)).astype(np.float32)
    theirs = torch.from_numpy(values).bfloat16().float().numpy()
    assert (unpacked(packed(values, "bfloat16"), "bfloat16") == theirs).all()


def test_int8_stretches_each_row_to_the_whole_range():
    assert packed(np.array([[0.5, -0.25], [0.0, 0.0]], np.float32), "int8").tolist() == [[127, -64], [0, 0]]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-7), ("bfloat16", 2e-3), ("int8", 1e-2)])
def test_rows_come_back_as_unit_prefixes(clustered, dtype, tolerance):
    stored = StoredVectors(packed(clustered, dtype), dtype)
    rows = np.array([5, 3, 5])
    taken = stored.take(rows, 8)
    np.testing.assert_allclose(np.linalg.norm(taken, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose((taken * prefix(clustered[rows], 8)).sum(axis=1), 1, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_a_written_file_maps_back_bit_for_bit(tmp_path, clustered, dtype):
    path = tmp_path / "vectors.npy"
    path.write_bytes(header(600, 32, dtype) + packed(clustered, dtype).tobytes())
    assert (map_vectors(path, 600, 32, dtype).data == packed(clustered, dtype)).all()


@pytest.mark.parametrize(("count", "dim", "dtype"), [(601, 32, "float32"), (600, 31, "float32"), (600, 32, "int8")])
def test_a_file_that_is_not_what_the_manifest_says_is_refused(tmp_path, clustered, count, dim, dtype):
    path = tmp_path / "vectors.npy"
    path.write_bytes(header(600, 32, "float32") + clustered.tobytes())
    with pytest.raises(IndexStoreError, match="does not begin as"):
        map_vectors(path, count, dim, dtype)


def test_blocks_cover_every_row_in_order(monkeypatch, clustered):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 250)
    blocks = list(StoredVectors(clustered, "float32").blocks(4))
    assert [(start, len(block)) for start, block in blocks] == [(0, 250), (250, 250), (500, 100)]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), prefix(clustered, 4))

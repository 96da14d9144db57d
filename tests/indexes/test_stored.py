from pathlib import Path

import numpy as np
import pytest

from mrl_search.errors import IndexStoreError
from mrl_search.indexes.stored import StoredVectors, header, map_vectors, packed, scratch, unpacked
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


def test_a_scan_gives_rows_as_they_are_stored_and_float32_ones_where_they_lie(monkeypatch, clustered):
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 250)
    for dtype in ("float32", "bfloat16", "int8"):
        data = packed(clustered, dtype)
        blocks = list(StoredVectors(data, dtype).scan(4))
        np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), unpacked(data[:, :4], dtype))
        assert np.shares_memory(blocks[0][1], data) == (dtype == "float32")


@pytest.fixture
def released(monkeypatch):
    """A line each time pages are let go of: the file's rows. Ten scattered rows are many, 600 of 32 dims a large file."""
    log = []
    monkeypatch.setattr(StoredVectors, "release", lambda self: log.append(len(self)))
    monkeypatch.setattr("mrl_search.indexes.stored._SCATTERED", 10)
    monkeypatch.setattr("mrl_search.indexes.stored._HELD", 600 * 32 * 4 - 1)
    return log


def test_rows_gathered_in_parts_are_the_rows_and_pages_go_after_each_part(clustered, released):
    rows = np.random.default_rng(0).permutation(600)[:47]
    for dtype in ("float32", "bfloat16", "int8"):
        data = packed(clustered, dtype)
        found = StoredVectors(data, dtype, lets_go=True).gathered(rows, 8)
        np.testing.assert_array_equal(found, unpacked(data[rows, :8], dtype))
    assert released == [600] * 5  # of float32; in the other formats the file is small


@pytest.mark.parametrize(("lets_go", "edges"), [(True, [0, 3, 6, 7]), (False, [0, 7])])
def test_scattered_reads_are_cut_only_where_pages_are_let_go_of(clustered, released, lets_go, edges):
    assert StoredVectors(clustered, "float32", lets_go=lets_go).parts(np.zeros((7, 3), np.int64)) == edges


def test_a_small_file_stays_mapped(clustered, released):
    stored = StoredVectors(clustered[:599], "float32", lets_go=True)
    stored.let_go()
    assert stored.parts(np.zeros((7, 3), np.int64)) == [0, 7]
    assert not released


def test_no_query_has_no_part(clustered, released):
    assert StoredVectors(clustered, "float32", lets_go=True).parts(np.zeros((0, 3), np.int64)) == [0]


def test_a_scratch_file_holds_what_is_put_there_whatever_was_let_go_of(tmp_path, monkeypatch, clustered):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("mrl_search.indexes.stored._SCANNED", 77)
    stored = scratch(600, 32)
    assert list(tmp_path.iterdir()) == []
    stored.data[:] = clustered
    stored.release()
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate([np.array(block) for _, block in stored.scan(32)]), clustered)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts mapped pages as Linux tells them")
def test_a_scattered_row_of_a_scratch_file_maps_no_more_than_64_kib():
    def mapped_kib():
        line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("RssFile"))
        return int(line.split()[1])

    stored = scratch(20_000, 768)  # 59 MiB
    for start in range(0, 20_000, 2_000):
        stored.data[start : start + 2_000] = 1
    stored.release()
    before = mapped_kib()
    stored.data[np.arange(0, 20_000, 200)].sum()
    assert mapped_kib() - before <= 100 * 2 * 64 + 1024  # a row may lie in two of such windows; and code, perhaps

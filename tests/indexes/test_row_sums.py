"""Every row of an array file is compared with what was written when it is first read, wherever it is read."""

import shutil
from pathlib import Path

import living_model as model
import numpy as np
import pytest

from mrl_search.errors import IndexStoreError
from mrl_search.funnel import Stage
from mrl_search.hits import unscored
from mrl_search.indexes import IndexChange, VectorIndex, add_bounds, check, open_index
from mrl_search.indexes.bounds import Bounds
from mrl_search.indexes.row_sums import RowSums, map_sums, row_sums
from mrl_search.indexes.sketches import Sketches, sketched
from mrl_search.indexes.stored import DTYPES, StoredVectors, array_file, header, map_vectors, packed
from mrl_search.vectors import unit

ROWS, DIM = 50, 9


@pytest.fixture(params=list(DTYPES))
def rows(request):
    vectors = unit(np.random.default_rng(3).standard_normal((ROWS, DIM)).astype(np.float32))
    return request.param, packed(vectors, request.param)


def splitmix64(count):
    """The upper halves of the first outputs of the published generator from state 0, made odd."""
    state, mask = 0, 2**64 - 1
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        yield (mixed ^ (mixed >> 31)) >> 32 | 1


def naive(row, place):
    words = np.frombuffer(row.tobytes(), f"<u{row.dtype.itemsize}").tolist()
    return (place + 1 + sum(word * factor for word, factor in zip(words, splitmix64(len(words)), strict=True))) % 2**64


def written(path, rows, dtype):
    path.write_bytes(b"".join(array_file(iter([rows[:20], rows[20:]]), ROWS, DIM, dtype)))
    return map_vectors(path, ROWS, DIM, dtype)


def flip(path, place, bit=0):
    held = bytearray(path.read_bytes())
    held[place] ^= 1 << bit
    path.write_bytes(held)


def test_the_first_output_of_splitmix64_is_the_published_one():
    assert next(splitmix64(1)) == 0xE220A839  # of 0xE220A8397B1DCDAF


def test_a_sum_is_what_the_specification_says(rows):
    _, data = rows
    assert row_sums(data[10:], 10).tolist() == [naive(row, place) for place, row in enumerate(data)][10:]


def test_the_file_is_one_numpy_reads_and_its_rows_are_sound(tmp_path, rows):
    dtype, data = rows
    stored = written(tmp_path / "v.npy", data, dtype)
    assert np.array_equal(np.load(tmp_path / "v.npy"), data)
    assert np.array_equal(stored.data, data)
    stored.vouch(np.array([[3, -1], [49, 0]]))
    assert stored.sums is not None
    assert stored.sums.unsound() == []


def test_any_flipped_bit_of_a_row_or_of_its_sum_is_found(tmp_path, rows):
    dtype, data = rows
    path = tmp_path / "v.npy"
    begin, width = len(header(ROWS, DIM, dtype)), DIM * data.itemsize
    written(path, data, dtype)
    end = path.stat().st_size
    for place in [*range(begin + 7 * width, begin + 8 * width), *range(end - 8 * 43, end - 8 * 42)]:
        for bit in range(8):
            flip(path, place, bit)
            stored = map_vectors(path, ROWS, DIM, dtype)
            assert stored.sums is not None
            stored.vouch(np.array([6, 8]))
            with pytest.raises(
                IndexStoreError, match=r"row 7 of .*v\.npy is damaged.*to know what to do: mrl-search check "
            ):
                stored.vouch(np.array([6, 7, 8]))
            assert stored.sums.unsound() == [7]
            flip(path, place, bit)


def test_a_row_in_another_ones_place_and_a_row_of_zeros_are_found(tmp_path):
    data = np.zeros((4, 8), np.float32)
    data[1:] = 1
    sums = row_sums(data, 0)
    for other in ([0, 1, 2, 2], [0, 1, 3, 2], [0, 0, 2, 3]):
        found = RowSums(tmp_path, data[other], sums[other]).unsound()
        assert found == [place for place, row in enumerate(other) if row != place]


def test_a_file_of_an_older_version_has_no_sums(tmp_path, rows):
    dtype, data = rows
    (tmp_path / "v.npy").write_bytes(header(ROWS, DIM, dtype) + data.tobytes())
    stored = map_vectors(tmp_path / "v.npy", ROWS, DIM, dtype)
    assert stored.sums is None
    stored.vouch(np.array([0]))


def test_other_bytes_behind_the_rows_are_refused(tmp_path, rows):
    dtype, data = rows
    whole = b"".join(array_file(iter([data]), ROWS, DIM, dtype))
    (tmp_path / "v.npy").write_bytes(whole[:-8])
    with pytest.raises(IndexStoreError, match=r"v\.npy cannot be mapped: .* bytes follow its 50 rows"):
        map_vectors(tmp_path / "v.npy", ROWS, DIM, dtype)


def test_a_row_is_compared_once(tmp_path):
    data = np.ones((3, 4), np.float32)
    sums = RowSums(tmp_path, data, row_sums(data, 0))
    sums.demand(np.array([1]))
    data[:] = 2
    sums.demand(np.array([1, -1]))
    with pytest.raises(IndexStoreError, match="row 2 of"):
        sums.demand(np.array([2]))
    with pytest.raises(IndexStoreError, match="row 0 of"):
        sums.demand_all()


def broken(data, rows):
    """The array's sums, of what it was before some rows changed."""
    whole = np.array(data)
    changed = np.array(data)
    changed[rows] ^= 1
    return changed, RowSums(Path("it"), changed, row_sums(whole, 0))


READS = {
    "gathered": lambda stored, asked: stored.take(np.array([2, 4]), 4),
    "scanned": lambda stored, asked: list(stored.scan(4)),
    "copied": lambda stored, asked: stored.raw(np.array([4])),
    "exact": lambda stored, asked: VectorIndex(stored).shortlist(asked, Stage(8, 3)),
    "rescored": lambda stored, asked: VectorIndex(stored).rerank(asked, unscored(np.array([[4, 5]])), Stage(8, 1)),
}


@pytest.mark.parametrize("how", list(READS))
def test_no_reader_of_vectors_takes_a_damaged_row(how):
    vectors = unit(np.random.default_rng(0).standard_normal((10, 8)).astype(np.float32))
    changed, sums = broken(vectors.view(np.uint32), [4])
    stored = StoredVectors(changed.view(np.float32), "float32", sums=sums)
    with pytest.raises(IndexStoreError, match="row 4 of it is damaged"):
        READS[how](stored, vectors[:1])
    assert stored.take(np.array([3, 5]), 8).shape == (2, 8)


def test_sketches_and_bounds_are_compared_too():
    vectors = unit(np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32))
    whole = sketched(StoredVectors(vectors, "float32"))
    codes, sums = broken(whole.codes, [7])
    damaged = Sketches(codes, whole.levels, sums=sums)
    damaged.narrowed(vectors[:1], np.arange(6)[None], 1)
    with pytest.raises(IndexStoreError, match="row 7 of it is damaged"):
        damaged.narrowed(vectors[:1], np.arange(12)[None], 1)
    with pytest.raises(IndexStoreError, match="row 7 of it is damaged"):
        Bounds(None, codes, codes, (sums,)).reaching(vectors[:1], np.zeros(1, np.float32), 5)


@pytest.fixture
def index(tmp_path):
    folder = tmp_path / "index"
    model.start(folder, {f"id{number}": str(number) for number in range(40)})
    add_bounds(folder)
    return folder


def test_an_index_of_a_damaged_vector_answers_without_it_names_it_and_is_mended_by_adding_it(index):
    path = index / "segments" / "000001" / "vectors.npy"
    flip(path, len(header(40, model.DIM, "float32")) + 4 * model.DIM * 3 + 5)
    (finding,) = check(index)
    assert finding == (f"{path} is damaged in 1 rows: add 'id3' again, all together, then compact", "", False, ("id3",))
    with pytest.raises(IndexStoreError, match="row 3 of"), IndexChange(index) as change:
        change.write(change.segments, iter([]))
    model.put(index, {"id3": "3"}, merges=False)
    assert check(index)[0].problem == f"{path} is damaged in 1 rows: they are of deleted documents; compact"
    with IndexChange(index) as change:
        change.write(change.segments, iter([]))
        change.commit(change.manifest)
    assert check(index) == []


def test_damaged_bounds_prove_nothing(index):
    path = index / "segments" / "000001" / "bounds-far.npy"
    flip(path, path.stat().st_size - 8 * 41)
    stored = open_index(index)
    hits = stored.vectors.shortlist(model.QUERIES, Stage(8, 5))
    with pytest.raises(IndexStoreError, match=r"row 39 of .*bounds-far\.npy is damaged"):
        stored.vectors.proven(model.QUERIES, hits)
    stored.close()
    assert map_sums(path, np.zeros((0, 1), np.uint8), path.stat().st_size) is None


def test_what_an_older_version_wrote_is_compared_as_a_whole_before_it_is_copied(tmp_path):
    golden = Path(__file__).parent / "golden" / "format-1" / "float32"
    folder = shutil.copytree(golden, tmp_path / "old")
    (path,) = folder.rglob("vectors.npy")
    flip(path, 151, 6)
    with pytest.raises(IndexStoreError, match="vectors.npy is damaged"), IndexChange(folder) as change:
        change.write(change.segments, iter([]))

import mmap
import os

import numpy as np
import pytest

from mrl_search.indexes.residence import Residence, is_cached
from mrl_search.indexes.stored import header, map_vectors


class Recorder:
    """A map of 157 pages."""

    def __init__(self):
        self.advised = []

    def __len__(self):
        return 128 + 5_000 * 128

    def madvise(self, *advice):
        self.advised.append(advice)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "vectors.npy"
    path.write_bytes(header(5_000, 32, "float32") + np.ones((5_000, 32), np.float32).tobytes())
    return path


def test_a_file_just_written_is_cached(file):
    handle = os.open(file, os.O_RDONLY)
    assert is_cached(handle)
    os.close(handle)


def test_a_cached_file_is_put_into_the_page_tables_once_when_as_many_rows_were_read_as_that_costs(file):
    mapped = Recorder()
    residence = Residence(file, mapped, 128, 128)
    residence.prepare(np.array([[3, 1, 2] * 13]), 128)  # 39 rows, a quarter of 157 pages
    assert mapped.advised == []
    for _ in range(3):
        residence.prepare(np.array([[4, 2]]), 128)
        assert mapped.advised == [(22,)]


def test_rows_of_a_file_that_is_not_cached_are_asked_for_in_file_order(file, monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.residence.is_cached", lambda handle: False)
    mapped = Recorder()
    Residence(file, mapped, 128, 4096).prepare(np.array([[9, 2, -1], [2, 0, -1]]), 4000)
    # row 0 lies at 128 … 4128, row 2 at 8320 … 12320, row 9 at 36992 … 40992; pages are of 4096
    assert [advice[1:] for advice in mapped.advised] == [(0, 4128), (8192, 4128), (36864, 4128)]


def test_it_is_asked_again_now_and_then_whether_the_file_is_cached(file, monkeypatch):
    answers = iter([True, False, True, False])
    monkeypatch.setattr("mrl_search.indexes.residence.is_cached", lambda handle: next(answers))
    mapped = Recorder()
    residence = Residence(file, mapped, 128, 128)
    for _ in range(3 * 256 + 5):
        residence.prepare(np.array([[1]]), 128)
    cached, not_cached = [(22,)], [(mmap.MADV_WILLNEED, 0, 384)]
    assert mapped.advised == cached + 256 * not_cached + cached + 5 * not_cached


def test_where_the_system_cannot_say_rows_are_not_asked_for(file, monkeypatch):
    def refuse(*_):
        raise OSError("not supported")

    monkeypatch.setattr(os, "preadv", refuse)
    mapped = Recorder()
    Residence(file, mapped, 128, 128).prepare(np.ones((1, 40), int), 128)
    assert mapped.advised == [(22,)]


def test_a_mapped_index_watches_its_file(file):
    assert map_vectors(file, 5_000, 32, "float32").residence is not None

import numpy as np
import pytest
from agreement import assert_agree

from mrl_search.gpu import exact, growing
from mrl_search.gpu import rows as gathering
from mrl_search.indexes import StoredVectors, packed
from mrl_search.indexes import exact as exact_on_the_cpu
from mrl_search.vectors import unit


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("k", [1, 10, 700])
def test_every_width_is_answered_as_on_the_cpu(device, crowded, monkeypatch, dtype, k):
    monkeypatch.setattr(gathering, "_ROWS", 640)
    stored = StoredVectors(packed(unit(crowded), dtype), dtype)
    queries = unit(crowded[::200] + np.float32(0.1))
    found = exact(stored, queries, [96, 8, 32], k, device)
    expected = exact_on_the_cpu(stored, queries, [96, 8, 32], k)
    assert set(found) == set(expected)
    for dim, hits in expected.items():
        assert_agree(found[dim], hits)


def test_more_than_there_are_leaves_places_empty(device, crowded):
    stored = StoredVectors(unit(crowded[1:4]), "float32")
    hits = exact(stored, crowded[7:8], [96], 5, device)[96]
    assert hits.rows[0, 3:].tolist() == [-1, -1]
    assert sorted(hits.rows[0, :3].tolist()) == [0, 1, 2]


@pytest.mark.parametrize("sizes", [[3000], [10, 640, 641, 2999, 3000], [1280, 2000]])
def test_as_rows_are_added_each_size_finds_what_it_would_alone(device, crowded, monkeypatch, sizes):
    monkeypatch.setattr(gathering, "_ROWS", 640)
    queries = unit(crowded[::200] + np.float32(0.1))
    at = []
    for size, found in growing(device, StoredVectors(unit(crowded), "float32"), queries, [96, 8], 10, sizes):
        alone = exact_on_the_cpu(StoredVectors(unit(crowded[:size]), "float32"), queries, [96, 8], 10)
        for dim in (96, 8):
            assert_agree(found[dim], alone[dim])
        at.append(size)
    assert at == sizes


def test_of_no_rows_nothing_is_found(device, crowded):
    empty = StoredVectors(np.empty((0, 96), np.float32), "float32")
    ((size, found),) = growing(device, empty, crowded[:2], [96], 3, [0])
    assert (size, found[96].rows.tolist()) == (0, [[-1] * 3] * 2)

import numpy as np
import pytest
import torch

from mrl_search.gpu import rows as gathering
from mrl_search.gpu.rows import OnHost, Resident, cosines, scored, units
from mrl_search.indexes import StoredVectors, packed
from mrl_search.vectors import unit


@pytest.fixture(params=[Resident, OnHost])
def place(request):
    return request.param


def test_cosines_by_hand():
    vectors = torch.tensor([[[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]]])
    np.testing.assert_allclose(cosines(vectors, torch.tensor([[0.0, 5.0]])), [[0.8, 0.0, -1.0]], rtol=1e-6)
    assert cosines(vectors, torch.zeros(1, 2)).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("dim", [1, 3, 31, 72, 768])
def test_cosines_are_those_of_float64(device, dim):
    random = np.random.default_rng(dim)
    vectors, queries = random.standard_normal((4, 9, dim)), random.standard_normal((4, dim))
    lengths = np.linalg.norm(vectors, axis=2) * np.linalg.norm(queries, axis=1)[:, None]
    expected = np.einsum("bmd,bd->bm", vectors, queries) / lengths
    found = cosines(*(torch.tensor(given, dtype=torch.float32, device=str(device)) for given in (vectors, queries)))
    np.testing.assert_allclose(found.cpu(), expected, atol=5e-7)


def test_a_row_scores_alike_bit_for_bit_wherever_it_stands_and_on_whatever_device(device):
    random = np.random.default_rng(1)
    row, query = (random.standard_normal((1, 771)).astype(np.float32) for _ in range(2))
    alone = cosines(torch.tensor(row[None]), torch.tensor(query))[0, 0].item()
    copies = torch.tensor(np.tile(row, (5, 333, 1)), device=str(device))
    found = cosines(copies, torch.tensor(np.tile(query, (5, 1)), device=str(device)))
    assert set(found.flatten().tolist()) == {alone}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_rows_are_read_in_every_format_from_either_place(device, place, dtype):
    random = np.random.default_rng(2)
    data = packed(unit(random.standard_normal((50, 24))), dtype)
    stored = StoredVectors(data, dtype)
    rows = random.integers(0, 50, (3, 7))
    found = place(stored, device).gathered(torch.tensor(rows).to("cpu" if place is OnHost else str(device)), 10)
    assert found.device.type == device.kind
    expected = stored.take(rows.flatten(), 10).reshape(3, 7, 10)
    np.testing.assert_allclose(units(found.cpu()), expected, atol=1e-6)


def test_parts_are_scored_as_the_whole_is(device, place, monkeypatch):
    random = np.random.default_rng(3)
    stored = StoredVectors(unit(random.standard_normal((200, 40))), "float32")
    queries = torch.tensor(unit(random.standard_normal((20, 40))), device=str(device))
    rows = np.argsort(random.random((20, 200)), axis=1)[:, :30]
    rows[:, 5] = -1
    whole = scored(place(stored, device), queries, rows, 40, 12)
    monkeypatch.setattr(gathering, "_BYTES", 4 * 40 * 30 * 3)  # three queries at a time: buffers take turns
    parts = scored(place(stored, device), queries, rows, 40, 12)
    assert all(torch.equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_a_map_for_reading_only_is_read_without_a_copy(device, place, tmp_path):
    np.save(tmp_path / "vectors.npy", unit(np.random.default_rng(4).standard_normal((30, 8))))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    found = place(StoredVectors(mapped, "float32"), device)
    rows = torch.tensor([[2, 29]]).to(found.rows_on)
    np.testing.assert_array_equal(found.gathered(rows, 8)[0].cpu(), mapped[[2, 29]])


def test_all_rows_come_in_blocks(device, place, monkeypatch):
    monkeypatch.setattr(gathering, "_ROWS", 7)
    stored = StoredVectors(unit(np.random.default_rng(5).standard_normal((20, 8))), "float32", lets_go=True)
    blocks = list(place(stored, device).blocks(5))
    assert [start for start, _ in blocks] == [0, 7, 14]
    np.testing.assert_array_equal(torch.cat([block for _, block in blocks]).cpu(), stored.data[:, :5])


def test_a_short_row_comes_to_length_one_and_zeros_stay():
    np.testing.assert_allclose(units(torch.tensor([[3e-15, 4e-15], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]], rtol=1e-6)

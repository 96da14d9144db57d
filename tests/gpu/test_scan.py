import numpy as np
import pytest
import torch

from mrl_search.gpu import scan as scanning
from mrl_search.gpu.rows import Resident
from mrl_search.gpu.scan import HALF_NOISE, Scan, all_of_the_best, largest_of
from mrl_search.indexes import StoredVectors
from mrl_search.vectors import unit


@pytest.mark.parametrize(("width", "k"), [(5, 3), (5, 9), (1283, 3), (1280, 10), (4099, 1), (4099, 60)])
def test_the_largest_are_those_of_a_plain_sort(device, width, k):
    values = torch.randn(7, width, generator=torch.Generator().manual_seed(width)).to(str(device))
    found, places = largest_of(values, k)
    expected = values.sort(dim=1, descending=True)
    assert torch.equal(found, expected.values[:, :k])
    assert torch.equal(places, expected.indices[:, :k])  # no two are equal


def test_parts_come_together_as_the_whole(device, monkeypatch):
    random = np.random.default_rng(1)
    stored = StoredVectors(unit(random.standard_normal((2000, 24))), "float32")
    queries = torch.tensor(unit(random.standard_normal((6, 16))), device=str(device))
    scan = Scan.over(Resident(stored, device), 16, device)
    whole = scan.largest(queries, 40)
    for most in ("_BYTES", "_CARD_BYTES"):
        monkeypatch.setattr(scanning, most, 6 * 4 * 200)
    parts = scan.largest(queries, 40)
    np.testing.assert_allclose(parts[0].cpu(), whole[0].cpu(), atol=HALF_NOISE if device.is_cuda else 1e-6)
    if not device.is_cuda:
        assert torch.equal(parts[1], whole[1])


def test_half_precision_errs_by_less_than_is_allowed_for(device):
    random = np.random.default_rng(2)
    vectors = np.concatenate([random.standard_normal((500, 64)), np.full((3, 64), 1.0), np.eye(64)])
    units = unit(vectors.astype(np.float32))
    scan = Scan(torch.tensor(units, device=str(device)).half())
    scores, rows = scan.largest(torch.tensor(units, device=str(device)), len(units))
    true = np.take_along_axis(units.astype(np.float64) @ units.T.astype(np.float64), rows.cpu().numpy(), axis=1)
    assert np.abs(scores.cpu().numpy() - true).max() < HALF_NOISE
    assert scan.noise == HALF_NOISE


def test_candidates_hold_the_best_though_their_scores_are_rounded(device):
    random = np.random.default_rng(4)
    # all of 1,500 rows within .02 of one direction: half precision cannot tell many of them apart
    units = unit((random.standard_normal((1, 32)) + 0.02 * random.standard_normal((1500, 32))).astype(np.float32))
    scan = Scan(torch.tensor(units, device=str(device)).half())
    rows = scan.candidates(torch.tensor(units[:5], device=str(device)), 10).cpu().numpy()
    true = units[:5].astype(np.float64) @ units.T.astype(np.float64)
    for query in range(5):
        assert set(np.argsort(-true[query])[:10]) <= set(rows[query])


def test_of_nothing_but_copies_all_are_candidates(device):
    scan = Scan(torch.ones((300, 4), device=str(device)) / 2)
    rows = scan.candidates(torch.ones((2, 4), device=str(device)) / 2, 3)
    assert [sorted(line) for line in rows.tolist()] == [list(range(300))] * 2


def test_the_first_rows_are_the_best_of_a_query_of_zeros():
    def find(queries, wanted):
        raise AssertionError("there is nothing to look for")

    assert all_of_the_best(find, 9, torch.zeros(2, 4), 3, 0.0).tolist() == [[0, 1, 2]] * 2


def test_there_may_be_no_query_and_no_row(device):
    scan = Scan(torch.ones((3, 4), device=str(device)))
    assert scan.candidates(torch.ones((0, 4), device=str(device)), 2).shape == (0, 2)
    nothing = Scan(torch.ones((0, 4), device=str(device)))
    assert nothing.candidates(torch.ones((2, 4), device=str(device)), 5).shape == (2, 0)

"""64 rows' bounds at once, against plain arithmetic."""

import numba
import numpy as np
import pytest

from mrl_search.indexes.kernels import blocks
from mrl_search.indexes.kernels.blocks import block_reaching


@pytest.fixture(params=["this CPU", "any CPU"])
def reaching(request, monkeypatch):
    """The compiled function, as this CPU does it and as one without the instruction does."""
    if request.param == "any CPU":
        monkeypatch.setattr(blocks, "_SUMS_FOURS", False)

    @numba.njit
    def call(data, start, weights, octets, terms):
        return block_reaching(data, start, weights, octets, terms)

    return call


def test_the_rows_whose_bound_is_at_least_zero_are_named(reaching):
    random = np.random.default_rng(0)
    codes, weights = random.integers(0, 16, (64, 24)), random.integers(-32_639, 32_640, 24)
    facts = random.integers(0, 65_536, (2, 64))
    sums = codes @ weights
    by_error, by_tail = 2e-6, -1e-6
    unit = 0.5 / np.abs(sums).max()
    lead = -unit * np.median(sums)
    eights = codes.reshape(64, 3, 2, 4)
    block = (eights[:, :, 0] | eights[:, :, 1] << 4).transpose(1, 0, 2)
    data = np.concatenate([[255] * 5, block.ravel(), facts.astype("<u2").view(np.uint8).ravel()]).astype(np.uint8)
    upper = (weights + 128) >> 8
    halves = np.stack([upper, weights - 256 * upper]).reshape(2, 3, 8).transpose(1, 0, 2)
    terms = np.array([lead, unit, by_error, by_tail], np.float32)
    mask = reaching(data, 5, np.ascontiguousarray(halves, np.int8).ravel(), 3, terms)
    bounds = lead + unit * sums + by_error * facts[0] + by_tail * facts[1]
    assert np.abs(bounds).min() > 1e-6  # none that rounding could turn
    assert 0 < np.sum(bounds >= 0) < 64
    assert [bool(int(mask) >> row & 1) for row in range(64)] == (bounds >= 0).tolist()

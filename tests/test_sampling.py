import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrl_search.sampling import drawn, interleaved


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 7))
def test_all_rows_come_in_order_whatever_is_in_the_sample(chosen, size, rest_size):
    mask = np.array(chosen)
    rows = np.arange(2 * len(mask), dtype=np.float32).reshape(-1, 2)
    others = rows[~mask]
    rest = (others[start : start + rest_size] for start in range(0, len(others), rest_size))
    blocks = list(interleaved(mask, rows[mask], rest, size))
    assert np.concatenate(blocks).tolist() == rows.tolist()
    assert {len(block) for block in blocks[:-1]} <= {size}


@pytest.mark.parametrize("count", [1, 70, 300])
def test_the_sample_is_the_same_every_time_and_no_larger_than_allowed(count, monkeypatch):
    monkeypatch.setattr("mrl_search.sampling.SAMPLED", 100)
    assert drawn(count).sum() == min(count, 100)
    assert (drawn(count) == drawn(count)).all()

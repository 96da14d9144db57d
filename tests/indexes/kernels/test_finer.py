import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.indexes.kernels.finer import as_bytes, refined, weights_of
from mrl_search.indexes.kernels.select import key_of, row_of


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=64))
def test_numbers_become_multiples_of_a_step(numbers):
    numbers, weights = np.array(numbers, np.float32), np.full(64, 9, np.int8)
    step = as_bytes(numbers, weights)
    np.testing.assert_allclose(weights[: len(numbers)] * step, numbers, atol=0.51 * float(step))
    assert not weights[len(numbers) :].any()


def test_rows_are_ordered_as_by_their_decoded_dims():
    random = np.random.default_rng(1)
    plain = random.integers(0, 16, (500, 40))
    steps, query = random.uniform(0.01, 0.1, 40).astype(np.float32), random.standard_normal(40).astype(np.float32)
    codes = np.zeros((500, 32), np.uint8)  # two dims a byte, and room
    codes[:, :20] = plain[:, ::2] | plain[:, 1::2] << 4
    keys = np.array([key_of(0, row) for row in range(500)], np.uint64)
    refined(keys, codes, weights_of(query, steps, 32)[0])
    found = [int(row_of(key)) for key in np.sort(keys)[::-1]]
    exact = plain @ (query * steps)
    assert np.corrcoef(exact[found], np.arange(500))[0, 1] < -0.9
    assert set(found[:10]) <= set(np.argsort(-exact)[:15].tolist())


def test_a_negative_sum_is_less_than_a_positive_one_and_equals_go_to_the_lower_row():
    codes = np.zeros((4, 32), np.uint8)
    codes[:, 0] = [1, 0, 2, 1]
    keys = np.array([key_of(7, row) for row in range(4)], np.uint64)
    refined(keys, codes, weights_of(np.array([-1, 1], np.float32), np.ones(2, np.float32), 32)[0])
    assert [int(row_of(key)) for key in np.sort(keys)[::-1]] == [1, 0, 3, 2]

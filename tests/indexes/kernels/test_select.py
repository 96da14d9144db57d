import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mrl_search.indexes.kernels import select
from mrl_search.indexes.kernels.select import key_of, largest, largest_first, least_of, row_of


@settings(deadline=None)
@given(st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=300), st.data())
def test_the_k_largest_come_first(keys, data):
    keys = np.array(sorted(keys, key=lambda key: key * 2654435761 % 2**32), np.uint64)
    k = data.draw(st.integers(1, len(keys)))
    expected = set(np.sort(keys)[-k:].tolist())
    largest_first(keys, k)
    assert set(keys[:k].tolist()) == expected
    assert least_of(keys[:k]) == min(expected)


@settings(deadline=None)  # the first call compiles
@given(
    st.one_of(
        st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=300),
        st.sets(st.integers(2**63, 2**63 + 400), min_size=1, max_size=300),  # several to a bin, or one to each
    ),
    st.integers(1, 400),
)
def test_the_largest_are_those_a_sort_finds(keys, k):
    keys = np.array(sorted(keys, key=lambda key: key * 2654435761 % 2**32), np.uint64)
    expected = np.sort(keys)[-k:].tolist()
    assert sorted(largest(keys.copy(), k).tolist()) == expected


def test_none_of_them_is_nothing():
    assert not len(largest(np.arange(5, dtype=np.uint64), 0))
    assert not len(largest(np.empty(0, np.uint64), 3))


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=50), st.integers(1, 60))
def test_equal_keys_are_counted_too(keys, k):
    found = largest(np.array(keys, np.uint64), k)
    assert sorted(found.tolist()) == sorted(keys)[-k:]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_keys_order_by_score_and_then_by_the_lower_row(score, row, other_score, other_row):
    mine, other = int(key_of(np.uint32(score), row)), int(key_of(np.uint32(other_score), other_row))
    assert (mine > other) == ((score, -row) > (other_score, -other_row))
    assert row_of(np.uint64(mine)) == row


def test_without_a_place_to_keep_it_a_kernel_is_compiled_all_the_same(monkeypatch):
    def refusing(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: (function, options)

    monkeypatch.setattr(select, "njit", refusing)
    assert select.compiled(len) == (len, {"nogil": True})


def test_that_kernels_are_compiled_is_said_once(caplog):
    compiling = select.Compiling()
    for _ in range(3):
        compiling.on_start(None)
        compiling.on_end(None)
    assert [record.message for record in caplog.records if "compiling the search kernels, once" in record.message]
    assert len(caplog.records) == 1

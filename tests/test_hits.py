import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mrl_search.hits import Hits, best, merge


def hits(scores, rows, k):
    return best(np.array(scores, np.float32), np.array(rows, np.int64), k)


def test_equal_scores_are_ordered_by_lower_row():
    assert hits([[0.5, 0.9, 0.5, 0.9]], [[8, 7, 2, 3]], 4).rows.tolist() == [[3, 7, 2, 8]]


def test_places_that_found_nothing_come_last_whatever_score_faiss_wrote_there():
    found = hits([[-3.4e38, 0.1, 9.0]], [[-1, 5, -1]], 3)
    assert found.rows.tolist() == [[5, -1, -1]]
    assert found.scores.tolist() == [[np.float32(0.1), -np.inf, -np.inf]]


def test_fewer_hits_than_k_are_padded():
    assert hits([[0.1]], [[0]], 3).rows.tolist() == [[0, -1, -1]]


def test_no_query_gives_no_line():
    found = best(np.empty((0, 5), np.float32), np.empty((0, 5), np.int64), 3)
    assert found.rows.shape == found.scores.shape == (0, 3)


def test_reading_leaves_the_padding_out():
    found = hits([[0.1, 0.2], [0.3, 0]], [[1, 2], [4, -1]], 2)
    assert found.of(1)[1].tolist() == [4]


def test_moving_leaves_the_padding_where_it_is():
    assert hits([[0.1]], [[3]], 2).moved(100).rows.tolist() == [[103, -1]]


scored_rows = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, -1.0]), st.integers(0, 10**6)), unique_by=lambda x: x[1]
)


@given(scored_rows, st.integers(1, 8), st.integers(1, 5))
def test_merging_any_split_equals_one_sort(pairs, k, parts):
    naive = [row for _, row in sorted(pairs, key=lambda pair: (-pair[0], pair[1]))][:k]
    split = [pairs[part::parts] for part in range(parts)]
    merged = merge([hits([[s for s, _ in some]], [[r for _, r in some]], k) for some in split], k)
    assert isinstance(merged, Hits)
    assert merged.of(0)[1].tolist() == naive

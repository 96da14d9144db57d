import numpy as np
import pytest

from mrl_search.indexes.kernels.rescore import STEP, rescore
from mrl_search.indexes.stored import DTYPES, packed, unpacked
from mrl_search.vectors import unit

WIDTHS = [1, 63, 64, 65, 100, STEP - 1, STEP, STEP + 1, 200, 2 * STEP, 300]
NOTHING = np.empty((0, 0), np.float32)


def rescored(data, queries, rows, dim, k, start=0, sums=(NOTHING, NOTHING)):
    """(scores, rows, dots, squares), each (q, k) and filled beforehand with what no answer is."""
    shape = (len(queries), k)
    best = (np.full(shape, 9, np.float32), np.full(shape, 9**9), *(np.full(shape, 9, np.float32) for _ in range(2)))
    rescore(data, queries, rows, start, dim, *sums, *best, 0, len(queries))
    return best


def naive(vectors, query, rows, dim):
    """Of each row that is one, (cosine, dot, square) in float64."""
    found, asked = {}, query[:dim].astype(np.float64)
    for row in rows[rows >= 0]:
        document = vectors[row, :dim].astype(np.float64)
        lengths = np.linalg.norm(document) * np.linalg.norm(asked)
        dot = document @ asked
        found[int(row)] = (dot / lengths if lengths else 0.0, dot, document @ document)
    return found


def some(seed, dtype, count=90, dim=300):
    """Stored rows that lie on all sides, and 5 queries of any length."""
    random = np.random.default_rng(seed)
    vectors = unit(random.standard_normal((count, dim)).astype(np.float32))
    return packed(vectors, dtype), random.standard_normal((5, dim)).astype(np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", WIDTHS)
def test_the_kernel_equals_the_naive_cosine(dtype, dim):
    data, queries = some(dim, dtype)
    random = np.random.default_rng(dim)
    rows = np.stack([random.permutation(90)[:40] for _ in queries])
    rows[:, 7] = rows[3] = -1
    scores, found, dots, squares = rescored(data, queries, rows, dim, 12)
    for place, query in enumerate(queries):
        expected = naive(unpacked(data, dtype), query, rows[place], dim)
        best = sorted((cosine for cosine, _, _ in expected.values()), reverse=True)[:12]
        there = len(best)
        np.testing.assert_allclose(scores[place, :there], best, atol=2e-6)
        assert len(set(found[place, :there].tolist())) == there
        cosines, sums, lengths = np.array([expected[row] for row in found[place, :there].tolist()]).reshape(-1, 3).T
        np.testing.assert_allclose(scores[place, :there], cosines, atol=2e-6)
        tolerance = 2e-6 * np.linalg.norm(query) * np.sqrt(lengths.max(initial=0))  # cancelled sums keep their error
        np.testing.assert_allclose(dots[place, :there], sums, rtol=0, atol=tolerance)
        np.testing.assert_allclose(squares[place, :there], lengths, rtol=2e-6)
    assert set(found[3].tolist()) == {-1}


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_carried_to_a_wider_width_comes_out_bit_for_bit_as_if_summed_at_once(dtype):
    data, queries = some(4, dtype, dim=4 * STEP)
    every = np.tile(np.arange(90), (5, 1))
    for start, dim in ((STEP, STEP), (STEP, STEP + 1), (STEP, 300), (2 * STEP, 300), (2 * STEP, 4 * STEP)):
        direct = rescored(data, queries, every, dim, 90)
        _, rows, *sums = rescored(data, queries, every, start, 90)
        carried = rescored(data, queries, rows, dim, 90, start, sums)
        for now, before in zip(carried, direct, strict=True):
            assert now.tobytes() == before.tobytes(), (start, dim)


@pytest.mark.parametrize("dtype", DTYPES)
def test_carried_through_three_widths_the_few_that_are_left_score_the_same(dtype):
    data, queries = some(5, dtype)
    every = np.tile(np.arange(90), (5, 1))
    scores, rows, *_ = rescored(data, queries, every, 300, 90)
    _, many, *sums = rescored(data, queries, every, STEP, 60)
    _, fewer, *sums = rescored(data, queries, many, 2 * STEP, 30, STEP, sums)
    last, left, *_ = rescored(data, queries, fewer, 300, 30, 2 * STEP, sums)
    for place in range(5):
        alone = dict(zip(rows[place].tolist(), scores[place].tolist(), strict=True))
        assert last[place].tolist() == [alone[row] for row in left[place].tolist()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [100, 300])
def test_copies_score_the_same_bit_for_bit_wherever_they_stand(dtype, dim):
    data, queries = some(6, dtype, count=1, dim=301)  # rows of 301 begin at every place of a cache line
    scores, rows, dots, squares = rescored(np.tile(data, (70, 1)), queries, np.tile(np.arange(70), (5, 1)), dim, 70)
    assert (rows == np.arange(70)).all()
    for found in (scores, dots, squares):
        assert (found == found[:, :1]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_among_equal_scores_the_lower_row_comes_first_and_stays(dtype):
    data = packed(np.tile(np.array([[0.6, 0.8]], np.float32), (9, 1)), dtype)
    _, rows, *_ = rescored(data, np.array([[1, 0]], np.float32), np.array([[8, 3, 5, 1, 7]]), 2, 3)
    assert rows.tolist() == [[1, 3, 5]]


def test_scores_order_as_numbers_from_plus_one_to_minus_one():
    angles = np.linspace(np.pi, 0, 33)
    data = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    scores, rows, *_ = rescored(data, np.array([[2, 0]], np.float32), np.arange(33)[None], 2, 33)
    assert rows.tolist() == [list(range(32, -1, -1))]
    np.testing.assert_allclose(scores[0], np.cos(angles[::-1]), atol=1e-6)


def test_a_cosine_of_minus_zero_ties_with_zero():
    data = np.array([[-1e-45, 1e3], [0, 1], [1e-45, 1e3]], np.float32)  # the first is too small a negative for float32
    scores, rows, *_ = rescored(data, np.array([[1, 0]], np.float32), np.array([[2, 1, 0]]), 2, 3)
    assert rows.tolist() == [[0, 1, 2]]
    assert not np.signbit(scores).any()


def test_a_prefix_of_zeros_scores_zero_on_either_side():
    data = np.array([[0, 0, 1], [-1, 0, 0], [1, 0, 0]], np.float32)
    queries = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    scores, rows, *_ = rescored(data, queries, np.tile(np.arange(3), (2, 1)), 2, 3)
    assert (scores.tolist(), rows.tolist()) == ([[1, 0, -1], [0, 0, 0]], [[2, 0, 1], [0, 1, 2]])


@pytest.mark.parametrize("asked", [[], [-1, -1, -1], [2], [-1, 2, -7]])
def test_places_that_rows_are_too_few_for_are_filled_with_none(asked):
    data = np.eye(3, dtype=np.float32)
    found = rescored(data, np.ones((1, 3), np.float32), np.array([asked], np.int64), 3, 4)
    there = int(2 in asked)
    none = ([-np.inf], [-1], [0], [0])
    for answer, first, nothing in zip(found, (np.float32(1 / np.sqrt(np.float32(3))), 2, 1, 1), none, strict=True):
        assert answer[0].tolist() == there * [first] + (4 - there) * nothing


def test_only_the_queries_from_first_to_before_last_are_answered():
    data = np.eye(4, dtype=np.float32)
    rows, best_rows = np.tile(np.arange(4), (4, 1)), np.full((4, 1), 77)
    others = [np.full((4, 1), 77, np.float32) for _ in range(3)]
    rescore(data, data, rows, 0, 4, NOTHING, NOTHING, others[0], best_rows, *others[1:], 1, 3)
    assert best_rows.tolist() == [[77], [1], [2], [77]]
    assert all(answer[[0, 3]].tolist() == [[77], [77]] for answer in others)


def test_a_row_given_twice_breaks_nothing():
    data = np.eye(4, dtype=np.float32)
    _, rows, *_ = rescored(data, np.ones((1, 4), np.float32), np.zeros((1, 20_000), np.int64), 4, 2)
    assert rows.tolist() == [[0, 0]]


@pytest.mark.parametrize("row", [3, 2**40])
def test_a_row_that_is_not_there_is_an_error_not_a_crash(row):
    with pytest.raises(IndexError, match="beyond the end"):
        rescored(np.ones((3, 2), np.float32), np.ones((1, 2), np.float32), np.array([[*[-1] * 12, row]]), 2, 1)

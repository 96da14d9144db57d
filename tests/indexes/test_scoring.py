import multiprocessing
import time

import numpy as np
import pytest

from mrl_search.indexes.scoring import over_threads, scored
from mrl_search.indexes.stored import StoredVectors, packed
from mrl_search.vectors import unit


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_many_queries_at_once_get_the_answers_that_each_gets_alone(dtype):
    random = np.random.default_rng(2)
    stored = StoredVectors(packed(unit(random.standard_normal((90, 200)).astype(np.float32)), dtype), dtype)
    queries = random.standard_normal((40, 200)).astype(np.float32)
    rows = np.stack([random.permutation(90)[:40] for _ in queries])
    together = scored(stored, queries, rows, 100, 12)
    for place in range(40):
        alone = scored(stored, queries[place : place + 1], rows[place : place + 1], 100, 12)
        assert alone.scores[0].tolist() == together.scores[place].tolist()
        assert alone.rows[0].tolist() == together.rows[place].tolist()
        cosines = unit(stored.take(alone.rows[0], 100)) @ unit(queries[place : place + 1, :100])[0]
        np.testing.assert_allclose(alone.scores[0], cosines, atol=2e-6)


def test_a_stage_that_goes_on_from_sums_scores_the_same_bit_for_bit():
    random = np.random.default_rng(4)
    stored = StoredVectors(random.standard_normal((60, 300)).astype(np.float32), "float32")
    queries, rows = random.standard_normal((3, 300)).astype(np.float32), np.tile(np.arange(60), (3, 1))
    direct = scored(stored, queries, rows, 300, 60)
    for first in (64, 100, 128, 256):  # 64 and 100 are no end of a step, so nothing is carried from there
        before = scored(stored, queries, rows, first, 60)
        carried = scored(stored, queries, before.rows, 300, 60, before.sums)
        assert carried.scores.tolist() == direct.scores.tolist()
        assert carried.rows.tolist() == direct.rows.tolist()


def test_the_sums_handed_in_are_not_changed():
    stored = StoredVectors(np.eye(128, dtype=np.float32), "float32")
    query = np.ones((1, 128), np.float32)
    hits = scored(stored, query, np.array([[0, 1]]), 64, 2)
    before = hits.sums.dots.copy()
    scored(stored, query, hits.rows, 128, 2, hits.sums)
    assert (hits.sums.dots == before).all()


def test_sums_of_a_wider_stage_or_of_other_rows_are_not_used():
    random = np.random.default_rng(6)
    stored = StoredVectors(random.standard_normal((30, 300)).astype(np.float32), "float32")
    queries, rows = random.standard_normal((2, 300)).astype(np.float32), np.tile(np.arange(30), (2, 1))
    wide = scored(stored, queries, rows, 256, 10)
    assert scored(stored, queries, wide.rows, 128, 5, wide.sums).scores.max() <= 1.00001
    fewer = wide.rows[:, :4]
    expected = scored(stored, queries, fewer, 300, 4)
    assert scored(stored, queries, fewer, 300, 4, wide.sums).scores.tolist() == expected.scores.tolist()


def test_what_the_sums_save_is_not_read_again():
    vectors, query = np.ones((1, 256), np.float32), np.ones((1, 256), np.float32)
    hits = scored(StoredVectors(vectors, "float32"), query, np.array([[0]]), 128, 1)
    vectors[:, :64] = 99  # would change the score
    again = scored(StoredVectors(vectors, "float32"), query, hits.rows, 256, 1, hits.sums)
    assert again.scores[0, 0] == pytest.approx(1)


def test_equal_vectors_score_equal_wherever_they_stand_alone_or_in_a_batch():
    random = np.random.default_rng(3)
    stored = StoredVectors(np.tile(random.standard_normal((1, 768)).astype(np.float32), (1_001, 1)), "float32")
    queries = np.tile(random.standard_normal((1, 768)).astype(np.float32), (40, 1))
    scores = scored(stored, queries, np.tile(np.arange(1_001), (40, 1)), 768, 1_001).scores
    assert len(set(scores.ravel().tolist())) == 1
    assert scored(stored, queries[:1], np.array([[17]]), 768, 1).scores[0, 0] == scores[0, 0]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 100, 101])
def test_threads_do_every_query_once(count):
    done = np.zeros(count, int)

    def work(first, last):
        done[first:last] += 1

    over_threads(work, count)
    assert (done == 1).all()


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.scoring._threads", lambda: 2)


def test_a_part_that_fails_is_told_once_the_others_are_done(two_threads):
    done = []

    def work(first, last):
        if first == 0:
            raise ValueError("the first part")
        time.sleep(0.05)
        done.append((first, last))

    with pytest.raises(ValueError, match="the first part"):
        over_threads(work, 64)
    assert done == [(32, 64)]

    def other(first, last):
        if first:
            raise ValueError("another part")

    with pytest.raises(ValueError, match="another part"):
        over_threads(other, 64)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forks with threads
def test_a_fork_of_a_process_that_had_threads_has_its_own(two_threads):
    over_threads(lambda first, last: None, 64)
    child = multiprocessing.get_context("fork").Process(target=over_threads, args=(lambda first, last: None, 64))
    child.start()
    child.join(20)
    assert child.exitcode == 0


def test_scores_read_in_parts_are_the_same_and_pages_go_between_parts(monkeypatch):
    random = np.random.default_rng(7)
    data = unit(random.standard_normal((90, 200)).astype(np.float32))
    queries = random.standard_normal((40, 200)).astype(np.float32)
    rows = np.stack([random.permutation(90)[:30] for _ in queries])
    whole = scored(StoredVectors(data, "float32"), queries, rows, 100, 12)
    log = []
    monkeypatch.setattr(StoredVectors, "release", lambda self: log.append(len(self)))
    monkeypatch.setattr("mrl_search.indexes.stored._HELD", 0)
    monkeypatch.setattr("mrl_search.indexes.stored._SCATTERED", 30 * 17)  # of 17, 17 and 6 queries
    in_parts = scored(StoredVectors(data, "float32", lets_go=True), queries, rows, 100, 12)
    for found, wanted in zip([*in_parts[:2], *in_parts.sums[1:]], [*whole[:2], *whole.sums[1:]], strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert log == [90, 90]

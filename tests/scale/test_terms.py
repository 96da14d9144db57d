"""By when an answer is wanted, and whether it may lack shards."""

import time

from mrl_search.scale import Terms, on_terms, terms


def test_without_terms_an_answer_is_whole_and_takes_what_it_takes():
    assert terms().seconds_left is None
    assert not terms().partial


def test_time_is_counted_within_a_block_only():
    with on_terms(Terms(seconds=5.0)) as told:
        assert told.seconds_left is None
        with told.counted():
            time.sleep(0.01)
            assert 4 < terms().seconds_left < 5
        assert told.seconds_left is None


def test_what_one_answer_lacked_is_not_told_of_the_next():
    told = Terms(partial=True)
    with told.counted():
        told.settle(["s0", "s1"], ["s1"])
    assert told.missing == {"s0"}
    with told.counted():
        told.settle(["s0", "s1"], ["s0", "s1"])
    assert told.missing == set()

"""By when an answer is wanted, and whether it may lack shards."""

import time

from mrl_search.terms import Terms, on_terms, terms


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


def test_a_stage_of_a_partial_answer_takes_two_thirds_of_the_time_that_is_left_of_a_whole_one_all():
    for partial, most in ((True, 4.0), (False, 6.0)):
        told = Terms(seconds=6.0, partial=partial)
        with told.counted():
            assert most - 0.5 < told.stage_until - time.monotonic() <= most
    assert told.stage_until is None


def test_a_shard_that_was_silent_is_not_asked_in_the_next_stages_of_the_same_answer():
    told = Terms(partial=True)
    with told.counted():
        told.settle(["s0", "s1"], ["s1"])
        assert [told.asks(name) for name in ("s0", "s1")] == [False, True]
    with told.counted():
        assert told.asks("s0")
    told.missing.add("s0")
    assert told.asks("s0")  # of how many answers that was, nobody says

"""Tokens come at their rate; a pause fills a bucket with twice as many."""

from mrl_search.serve.rates import Rates


def test_a_caller_has_two_seconds_worth_at_first_then_its_rate():
    rates = Rates(2.0)  # 4 at once, then one each half second
    assert [rates.wait_seconds("a", 0.0) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert rates.wait_seconds("a", 0.25) == 0.25
    assert [rates.wait_seconds("a", 0.5), rates.wait_seconds("a", 0.5)] == [0, 0.5]


def test_callers_have_buckets_of_their_own():
    rates = Rates(0.5)
    assert [rates.wait_seconds("a", 0.0), rates.wait_seconds("b", 0.0), rates.wait_seconds("a", 0.0)] == [0, 0, 2]


def test_a_long_pause_saves_no_more_than_a_bucket():
    rates = Rates(1.0)
    rates.wait_seconds("a", 0.0)
    assert [rates.wait_seconds("a", 1000.0) for _ in range(3)] == [0, 0, 1]


def test_without_a_rate_all_pass():
    assert [Rates(None).wait_seconds("a") for _ in range(1_000)] == [0.0] * 1_000

"""Tokens come at their rate; a pause fills a bucket with twice as many."""

import errno
import os

import pytest

from mrl_search.errors import ServeError
from mrl_search.serve import rates
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


def test_processes_that_share_a_table_count_together(tmp_path):
    one, other = (Rates(1.0, tmp_path / "callers") for _ in range(2))
    waits = [one.wait_seconds("a", 0.0), other.wait_seconds("a", 0.0), one.wait_seconds("a", 0.0)]
    assert waits == [0, 0, 1]
    assert other.wait_seconds("a", 1.0) == 0
    assert (tmp_path / "callers").stat().st_mode & 0o77 == 0


def test_where_there_is_no_room_for_the_table_that_is_said_at_once(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ServeError, match=r"no room .*No space left"):
        Rates(1.0, tmp_path / "callers")


def test_of_a_full_set_who_has_asked_longest_ago_is_forgotten(monkeypatch):
    monkeypatch.setattr(rates, "_SETS", 1)
    table = Rates(0.5)  # one at once, then one each two seconds
    assert [table.wait_seconds(str(number), number / 64) for number in range(9)] == [0] * 9  # the ninth takes 0's place
    assert table.wait_seconds("1", 0.25) > 0
    assert table.wait_seconds("0", 0.25) == 0

"""Every course of events between a question and its answers, played on a clock of the test's own."""

import heapq

import pytest

from mrl_search.errors import ClusterError, FunnelError, IndexStoreError
from mrl_search.scale.asking import LostError, Manners, ask_all

LOST = LostError("gone")


class Played:
    """Replicas that answer after so many seconds: (seconds, answer), by (shard, replica); the last of a list recurs."""

    def __init__(self, script):
        self.now, self.script, self.sent, self.due = 0.0, script, [], []

    def clock(self):
        return self.now

    def send(self, shard, replica):
        plays = self.script[shard, replica]
        seconds, answer = plays[min(sum(one[:2] == (shard, replica) for one in self.sent), len(plays) - 1)]
        call = (shard, replica, len(self.sent))
        self.sent.append((shard, replica, self.now))
        heapq.heappush(self.due, (self.now + seconds, call, answer))
        return call

    def ready(self, calls, seconds):
        waiting = sorted((at, call) for at, call, _ in self.due if call in calls)
        until = float("inf") if seconds is None else self.now + seconds
        assert waiting or seconds is not None, "waits for ever"
        if waiting and waiting[0][0] <= until:
            self.now = max(self.now, waiting[0][0])
            return [waiting[0][1]]
        self.now = until
        return []

    def answer(self, call):
        (answer,) = (answer for _, one, answer in self.due if one == call)
        if isinstance(answer, Exception):
            raise answer
        return answer


PLAIN = Manners(hedge_seconds=None)


def play(script, replicas, manners=PLAIN, until=None, *, partial=False):
    wire = Played(script)
    return wire, ask_all(wire, replicas, manners, until, partial=partial, clock=wire.clock)


def test_all_shards_are_asked_at_once():
    wire, answers = play({("a", 0): [(3, "A")], ("b", 0): [(2, "B")]}, {"a": [0], "b": [0]})
    assert answers == {"a": "A", "b": "B"}
    assert wire.now == 3 and [at for *_, at in wire.sent] == [0, 0]


def test_where_a_replica_died_another_answers():
    wire, answers = play({("a", 1): [(1, LOST)], ("a", 0): [(2, "A")]}, {"a": [1, 0]})
    assert answers == {"a": "A"} and wire.now == 3


def test_a_straggler_is_overtaken_by_a_second_replica_and_not_asked_twice():
    script = {("a", 0): [(9, "late")], ("a", 1): [(1, "A")], ("b", 0): [(0.2, "B")], ("b", 1): [(9, "never asked")]}
    wire, answers = play(script, {"a": [0, 1], "b": [0, 1]}, Manners(hedge_seconds=0.5))
    assert answers == {"a": "A", "b": "B"} and wire.now == 1.5
    assert wire.sent == [("a", 0, 0), ("b", 0, 0), ("a", 1, 0.5)]


def test_the_first_answer_counts_whichever_replica_gave_it():
    script = {("a", 0): [(0.7, "first")], ("a", 1): [(1, "second")]}
    assert play(script, {"a": [0, 1]}, Manners(hedge_seconds=0.5))[1] == {"a": "first"}


def test_of_two_that_were_asked_one_may_die():
    script = {("a", 0): [(0.7, LOST)], ("a", 1): [(1, "A")]}
    wire, answers = play(script, {"a": [0, 1]}, Manners(hedge_seconds=0.5))
    assert answers == {"a": "A"} and len(wire.sent) == 2


def test_a_lone_actor_is_waited_for_while_it_is_started_anew():
    script = {("a", 0): [(0.1, LOST), (0, LOST), (0, LOST), (0, "A")]}
    wire, answers = play(script, {"a": [0]}, Manners(patience_seconds=5, retry_seconds=1))
    assert answers == {"a": "A"} and wire.now == pytest.approx(3.1)


def test_patience_ends():
    wire, answers = play({("a", 0): [(0, LOST)]}, {"a": [0]}, Manners(patience_seconds=2, retry_seconds=1))
    assert answers == {} and wire.now == 2


def test_whoever_takes_part_of_an_answer_does_not_wait_for_a_lost_shard():
    wire, answers = play({("a", 0): [(0.1, LOST)], ("b", 0): [(1, "B")]}, {"a": [0], "b": [0]}, partial=True)
    assert answers == {"b": "B"} and wire.now == 1


def test_nobody_waits_beyond_the_deadline():
    wire, answers = play({("a", 0): [(9, "late")], ("b", 0): [(1, "B")]}, {"a": [0], "b": [0]}, until=2)
    assert answers == {"b": "B"} and wire.now == 2


def test_no_patience_reaches_beyond_the_deadline():
    wire, answers = play({("a", 0): [(0, LOST)]}, {"a": [0]}, Manners(patience_seconds=50, retry_seconds=1), until=2.5)
    assert answers == {} and wire.now == 2.5


def test_what_a_shard_raises_on_purpose_is_raised():
    with pytest.raises(FunnelError):
        play({("a", 0): [(0, FunnelError("no"))], ("b", 0): [(1, "B")]}, {"a": [0], "b": [0]})


CANNOT = LostError("damaged", IndexStoreError("damaged"))


def test_where_a_copy_is_damaged_another_answers():
    assert play({("a", 0): [(1, CANNOT)], ("a", 1): [(1, "A")]}, {"a": [0, 1]})[1] == {"a": "A"}


def test_why_no_copy_can_answer_is_raised_at_once_for_a_whole_answer():
    with pytest.raises(IndexStoreError, match="damaged"):
        play({("a", 0): [(0, CANNOT)]}, {"a": [0]}, Manners(patience_seconds=50))


def test_a_partial_answer_does_without_a_shard_that_cannot_answer():
    wire, answers = play({("a", 0): [(0, CANNOT)], ("b", 0): [(1, "B")]}, {"a": [0], "b": [0]}, partial=True)
    assert answers == {"b": "B"} and wire.now == 1


def test_a_time_to_wait_is_not_negative():
    with pytest.raises(ClusterError):
        Manners(hedge_seconds=-1)

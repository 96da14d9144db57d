"""Shards behind actors: who is asked, what is sent, and what an actor's error means; Ray itself is in test_on_ray."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from mrl_search.errors import ClusterError, DeviceError, FilterError, IndexChangedError, IndexStoreError
from mrl_search.scale import on_terms
from mrl_search.scale.asking import Manners
from mrl_search.terms import Terms

pytest.importorskip("ray")

from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from mrl_search.scale import ray_shards
from mrl_search.scale.ray_shards import RayOptions, RayShards


class Actor:
    """In the place of an actor: its calls are thunks, which `get` runs."""

    def __init__(self, name, open="state", ask=lambda *values: values):  # noqa: A002  the actor's own verb
        self.name, self.asked = name, []
        self.open = SimpleNamespace(remote=lambda: (self.name, "open", _thunk(open)))
        self.ask = SimpleNamespace(remote=lambda *values: self._asked(values, ask))

    def _asked(self, values, ask):
        self.asked.append(values)
        return (self.name, len(self.asked), lambda: ask(*values))


def _thunk(value):
    def told():
        if isinstance(value, Exception):
            raise value
        return value

    return told


class Fleet:
    """Replicas of shards in this process."""

    def __init__(self, head=None, **actors):
        self.actors = {f"/{name}": some for name, some in actors.items()}
        self.options = RayOptions(manners=Manners(hedge_seconds=None, patience_seconds=0.0))
        self.head, self.dead, self.slow = head, [], []

    def start(self, folders):
        self.started = [str(folder) for folder in folders]

    def order(self, folder, turn):
        return list(range(len(self.actors[folder])))

    def let_wait(self, folder, replica):
        self.slow.append((folder, replica))

    def died(self, actor):
        self.dead.append(actor)


@pytest.fixture(autouse=True)
def no_ray(monkeypatch):
    """What was put into Ray's store."""
    stored = []

    def put(value):
        stored.append(value)
        return ("stored", value)

    monkeypatch.setattr(ray_shards.ray, "put", put)
    monkeypatch.setattr(ray_shards.ray, "wait", lambda calls, num_returns, timeout: (calls[:1], calls[1:]))
    monkeypatch.setattr(ray_shards.ray, "get", lambda call: call[2]())
    return stored


def shards(**actors):
    fleet = Fleet(**actors)
    return fleet, RayShards(fleet, {name: f"/{name}" for name in actors if name != "head"})


def failing(cause):
    return RayTaskError("ask", "pages of a trace", cause)


def test_shards_are_opened_as_they_are_and_then_asked_for_that_state():
    one, two = Actor("one", "a"), Actor("two", "b")
    fleet, some = shards(s0=[one], s1=[two])
    assert fleet.started == ["/s0", "/s1"] and some.names == ("s0", "s1") and some.states == {"s0": "a", "s1": "b"}
    assert some.ask("ids", [3]) == {"s0": ("a", None, "ids", [3]), "s1": ("b", None, "ids", [3])}


def test_a_deadline_is_told_to_actors_by_the_clock_that_hosts_share():
    one = Actor("one")
    _, some = shards(s0=[one])
    with on_terms(Terms(seconds=50.0)) as terms, terms.counted():
        some.ask("facts")
    _, deadline, verb = one.asked[0]
    assert verb == "facts" and 40 < deadline - time.time() <= 50


def test_a_large_question_is_put_into_the_store_once_and_a_small_one_is_sent(no_ray):
    one, two = Actor("one"), Actor("two")
    _, some = shards(s0=[one], s1=[two])
    some.ask("shortlist", np.zeros((2, 8), np.float32))
    assert not no_ray
    some.ask("shortlist", np.zeros((100, 768), np.float32))
    assert len(no_ray) == 1 and one.asked[1][3][0] == two.asked[1][3][0] == "stored"


@pytest.mark.parametrize("error", [IndexStoreError("damaged"), ClusterError("no copy"), DeviceError("too small")])
def test_where_one_replica_is_damaged_another_answers_and_without_one_the_shard_is_lacking(error):
    def damaged(*_):
        raise failing(error)

    bad, good = Actor("bad", ask=damaged), Actor("good", ask=lambda *_: "answer")
    fleet, some = shards(s0=[bad, good])
    assert some.ask("facts") == {"s0": "answer"} and fleet.slow == [("/s0", 0)]
    _, alone = shards(s0=[bad], s1=[good])
    with pytest.raises(type(error), match=str(error)):
        alone.ask("facts")
    with on_terms(Terms(partial=True)):
        assert alone.ask("facts") == {"s1": "answer"}


@pytest.mark.parametrize("error", [FilterError("no such field"), IndexChangedError("changed"), KeyError("a bug")])
def test_what_another_replica_would_say_too_is_raised_at_once(error):
    def refusing(*_):
        raise failing(error)

    good = Actor("good")
    _, some = shards(s0=[Actor("one", ask=refusing), good])
    with pytest.raises(RayTaskError if isinstance(error, KeyError) else type(error)):
        some.ask("facts")
    assert not good.asked


def test_an_actor_that_died_is_told_to_its_fleet_and_one_that_is_away_is_not():
    for error, dead in ((ActorDiedError(), 1), (ActorUnavailableError("away", None), 0)):

        def gone(*_, error=error):
            raise error

        fleet, some = shards(s0=[Actor("one", ask=gone), Actor("two", ask=lambda *_: "answer")])
        assert some.ask("facts") == {"s0": "answer"} and len(fleet.dead) == dead


def test_a_shard_that_did_not_open_is_not_asked():
    closed = Actor("closed", open=failing(IndexStoreError("gone")))
    with on_terms(Terms(partial=True)):
        _, some = shards(s0=[closed], s1=[Actor("one")])
        assert list(some.states) == list(some.ask("facts")) == ["s1"] and not closed.asked


def test_an_answer_that_came_too_late_to_be_made_is_none():
    _, some = shards(s0=[Actor("one", ask=lambda *_: None)])
    assert some.ask("facts") == {}


def test_where_nobody_answers_the_head_is_looked_for():
    class Head:
        def demand(self):
            raise ClusterError("the head does not answer any more")

    def gone(*_):
        raise ActorUnavailableError("away", None)

    fleet, some = shards(s0=[Actor("one", ask=gone)])
    fleet.head = Head()
    with pytest.raises(ClusterError, match="the head does not answer"):
        some.ask("facts")

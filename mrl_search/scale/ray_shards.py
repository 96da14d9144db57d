"""Shards in Ray actors, one or several replicas of each, behind the same verbs as shards in this process."""

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.exceptions import ActorDiedError, RayActorError, RayTaskError

from mrl_search.errors import ClusterError, DeviceError, IndexChangedError, IndexStoreError, MRLSearchError
from mrl_search.scale.asking import LostError, ask_all
from mrl_search.scale.ray_fleet import Fleet, RayOptions
from mrl_search.scale.ray_session import joined
from mrl_search.terms import terms

__all__ = ["Fleet", "RayOptions", "RayShards", "ray_transport"]

_OF_ONE_COPY = (IndexStoreError, ClusterError, DeviceError)  # as of one damaged, or one that cannot be fetched
_BATCH = 64  # queries; a larger question takes its time, and to ask it twice would take as much again
_LOOK_SECONDS = 1.0  # after which whoever waits looks whether the head is still there
_SHARED_BYTES = 100_000  # of a question, from which on it is put into Ray's store once and not sent to each shard


class RayShards:
    """Shards behind a fleet's actors, at the states they had when this was made; closing lets the fleet live."""

    def __init__(self, fleet: Fleet, folders: Mapping[str, Path], closing: Callable[[], object] = lambda: None) -> None:
        self._fleet, self._closing, self._turn = fleet, closing, 0
        self._folders = {name: str(folder) for name, folder in folders.items()}
        fleet.start(folders.values())
        self._states: dict[str, str] = {}
        self._states = self._ask("open", ())

    @property
    def names(self) -> tuple[str, ...]:
        """See Shards."""
        return tuple(self._folders)

    @property
    def states(self) -> dict[str, str]:
        """See Shards; of those that were there."""
        return self._states

    def ask(self, verb: str, *values: Any) -> dict[str, Any]:
        """See Shards."""
        return self._ask(verb, values)

    def close(self) -> None:
        """See Shards."""
        self._closing()

    def _ask(self, verb: str, values: tuple[Any, ...]) -> dict[str, Any]:
        now, size = terms(), sum(getattr(value, "nbytes", 0) for value in _flat(values))
        told = [ray.put(value) for value in values] if size > _SHARED_BYTES else list(values)
        self._turn += 1
        options = self._fleet.options
        until = _until(options.opening_seconds if verb == "open" else options.seconds)
        wire = _RayWire(self, verb, told, until)
        known = self._folders if verb == "open" else self._states
        there = [name for name in self._folders if name in known and now.asks(name)]
        orders = {name: self._fleet.order(self._folders[name], self._turn) for name in there}
        manners = self._fleet.options.manners
        if values and isinstance(values[0], np.ndarray) and len(values[0]) > _BATCH:
            manners = replace(manners, hedge_seconds=None)
        answers = ask_all(wire, orders, manners, until, partial=now.partial)
        if not answers:
            self.demand_head()
        return {name: answer for name, answer in answers.items() if answer is not None}

    def let_wait(self, shard: str, replica: int) -> None:
        """See Fleet."""
        self._fleet.let_wait(self._folders[shard], replica)

    def demand_head(self) -> None:
        """Raises ClusterError if the Ray cluster has lost its head: nobody will start anew what does not answer."""
        if self._fleet.head is not None:
            self._fleet.head.demand()

    def actor(self, shard: str, replica: int) -> Any:
        """Who is asked now."""
        return self._fleet.actors[self._folders[shard]][replica]

    def died(self, actor: Any) -> None:
        """See Fleet."""
        self._fleet.died(actor)

    def call(self, shard: str, actor: Any, verb: str, values: Sequence[Any], until: float | None) -> Any:
        """Asks one replica, which does nothing for it any more after `until`; returns Ray's reference."""
        if verb == "open":
            return actor.open.remote()
        deadline = None if until is None else time.time() + max(0.0, until - time.monotonic())
        return actor.ask.remote(self._states[shard], deadline, verb, *values)


class _RayWire:
    """One question on its way; see Wire."""

    def __init__(self, shards: RayShards, verb: str, values: Sequence[Any], until: float | None) -> None:
        self._shards, self._verb, self._values, self._until = shards, verb, values, until
        self._asked: dict[str, int] = {}
        self._actors: dict[Hashable, Any] = {}  # by call

    def send(self, shard: str, replica: int) -> Hashable:
        if shard in self._asked:
            self._shards.let_wait(shard, self._asked[shard])
        self._asked[shard] = replica
        actor = self._shards.actor(shard, replica)
        call: Hashable = self._shards.call(shard, actor, self._verb, self._values, self._until)
        self._actors[call] = actor
        return call

    def ready(self, calls: Sequence[Any], seconds: float | None) -> Iterable[Hashable]:
        seconds = _LOOK_SECONDS if seconds is None else min(seconds, _LOOK_SECONDS)
        done: list[Hashable] = []
        if calls:
            done, _ = ray.wait(list(calls), num_returns=1, timeout=seconds)
        else:
            time.sleep(seconds)
        if not done:
            self._shards.demand_head()
        return done

    def answer(self, call: Any) -> Any:
        try:
            return ray.get(call)
        except RayActorError as error:  # it died, or is being started anew
            if isinstance(error, ActorDiedError):
                self._shards.died(self._actors[call])
            raise LostError(str(error)) from error
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, _OF_ONE_COPY) and not isinstance(cause, IndexChangedError):
                raise LostError(str(cause), cause) from None  # another copy may be sound, another card large enough
            raise cause if isinstance(cause, MRLSearchError) else error from None


def _until(limit: float | None) -> float | None:
    """When nobody waits any more, by time.monotonic()."""
    ends = [terms().stage_until, None if limit is None else time.monotonic() + limit]
    return min((end for end in ends if end is not None), default=None)


def ray_transport(address: str, options: RayOptions | None = None) -> Callable[[Mapping[str, Path]], RayShards]:
    """For `open_cluster`: joins that Ray cluster and starts actors there, which end when the cluster is closed."""

    def transport(folders: Mapping[str, Path]) -> RayShards:
        with ExitStack() as stack:
            fleet = Fleet(options or RayOptions(), stack.enter_context(joined(address)))
            stack.callback(fleet.close)
            shards = RayShards(fleet, folders)
            shards._closing = stack.pop_all().close
            return shards

    return transport


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        yield from value if isinstance(value, tuple) else (value,)

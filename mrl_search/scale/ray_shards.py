"""Shards in Ray actors, one or several replicas of each, behind the same verbs as shards in this process."""

import os
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray._private.state import available_resources_per_node
from ray.exceptions import RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from mrl_search.errors import ClusterError, IndexChangedError, IndexStoreError, MRLSearchError
from mrl_search.indexes import read_manifest
from mrl_search.scale.asking import LostError, Manners, ask_all
from mrl_search.scale.copies import cluster_folder, ram_bytes
from mrl_search.scale.placement import placed
from mrl_search.scale.ray_head import Head
from mrl_search.scale.ray_session import joined
from mrl_search.scale.shard import VERBS, Shard
from mrl_search.scale.storage import Storage
from mrl_search.terms import terms

_KEPT = 2  # snapshots of a shard: that of new queries, and the one before it, until those that use it are done
_ILL_SECONDS = 2.0  # that a replica is asked last, after another had to be asked in its place
_BATCH = 64  # queries; a larger question takes its time, and to ask it twice would take as much again
_LOOK_SECONDS = 1.0  # after which whoever waits looks whether the head is still there
_SHARED_BYTES = 100_000  # of a question, from which on it is put into Ray's store once and not sent to each shard


@dataclass(frozen=True)
class RayOptions:
    """replicas: of each shard. manners: how one waits for them. restarts: of an actor that is lost; -1 without end.

    seconds: that shards may take for one stage, whatever the terms; None for no limit. A process that is stopped, not
    dead, else holds up whoever set no deadline. opening_seconds: the same for opening, which processes are started for.
    """

    replicas: int = 1
    manners: Manners = field(default_factory=Manners)
    restarts: int = -1
    seconds: float | None = None
    opening_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.replicas < 1:
            raise ClusterError(f"asked for {self.replicas} replicas of each shard; ask for at least 1")


class ShardActor:
    """A process that has a shard open: its last snapshots, each asked for by its state."""

    def __init__(self, folder: str, url: str | None = None) -> None:
        """url: of the cluster in object storage of which the folder holds, or is to hold, a copy."""
        self._folder = Path(folder)
        if url is not None:
            Storage(url, cluster_folder(self._folder)).settle()  # this may be another machine
        self._open: dict[str, Shard] = {}  # not yet: what is wrong with it is then told to whoever asks

    def open(self) -> str:
        """Opens what is committed now, if it is not open; its state."""
        shard = Shard(self._folder)
        if shard.state in self._open:
            shard.close()
            return shard.state
        self._open[shard.state] = shard
        while len(self._open) > _KEPT:
            self._open.pop(next(iter(self._open))).close()
        return shard.state

    def ask(self, state: str, deadline: float | None, verb: str, *values: Any) -> Any:
        """What the shard answers. deadline: of time.time(), after which nobody waits any more, and nothing is done."""
        assert verb in VERBS
        if deadline is not None and time.time() >= deadline:
            return None
        if state not in self._open and self.open() != state:
            raise IndexChangedError(
                f"the shard in {self._folder} was changed since it was opened; open the cluster again"
            )
        return getattr(self._open[state], verb)(*map(_writable, values))

    def pid(self) -> int:
        """Of its process, for who watches, or kills, it."""
        return os.getpid()

    def node(self) -> str:
        """Where Ray put it."""
        return str(ray.get_runtime_context().get_node_id())


def _writable(value: Any) -> Any:
    """A copy of an array that Ray hands out for reading only: numba would compile every kernel anew for such."""
    return np.array(value) if isinstance(value, np.ndarray) and not value.flags.writeable else value


class Fleet:
    """All actors of a cluster's shards; more readers than one may ask them. head: whose loss is told of, if given."""

    def __init__(self, options: RayOptions, head: Head | None = None) -> None:
        self.options, self.head = options, head
        self.actors: dict[str, list[Any]] = {}  # of a shard's folder
        self._ill: dict[tuple[str, int], float] = {}
        self._nodes: dict[str, set[str]] = {}

    def start(self, folders: Iterable[Path]) -> None:
        """Starts the actors of those shards that have none, each where it is placed; they open when they are asked."""
        new = [str(folder) for folder in folders if str(folder) not in self.actors]
        if not new:
            return
        sizes = {folder: _ram_bytes(Path(folder)) for folder in new}
        storages = {folder: Storage.behind(cluster_folder(Path(folder))) for folder in new}
        origins = {folder: storage and storage.url for folder, storage in storages.items()}
        made = ray.remote(ShardActor)
        for replica in placed(sizes, _free_bytes(), self.options.replicas, self._nodes):
            self._nodes.setdefault(replica.shard, set()).add(replica.node)
            strategy = NodeAffinitySchedulingStrategy(replica.node, soft=True)  # elsewhere, should the node be lost
            actor = made.options(
                num_cpus=0,
                memory=sizes[replica.shard],
                max_restarts=self.options.restarts,
                scheduling_strategy=strategy,
            ).remote(replica.shard, origins[replica.shard])
            self.actors.setdefault(replica.shard, []).append(actor)

    def order(self, folder: str, turn: int) -> list[int]:
        """The replicas of a shard, in turn, so that all share the load; those that let somebody wait come last."""
        count, now = len(self.actors[folder]), time.monotonic()
        found = [(turn + place) % count for place in range(count)]
        return sorted(found, key=lambda replica: self._ill.get((folder, replica), 0.0) > now)

    def let_wait(self, folder: str, replica: int) -> None:
        """Somebody had to ask another replica."""
        self._ill[folder, replica] = time.monotonic() + _ILL_SECONDS

    def stop(self, folder: str) -> None:
        """Ends the actors of a shard that is no more."""
        for actor in self.actors.pop(folder, []):
            ray.kill(actor)
        self._nodes.pop(folder, None)

    def close(self) -> None:
        """Ends all; without a head nobody could, and they end with their nodes."""
        for folder in list(self.actors):
            if self.head is not None and self.head.is_lost:
                return
            self.stop(folder)


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

    def call(self, shard: str, replica: int, verb: str, values: Sequence[Any], until: float | None) -> Any:
        """Asks one replica, which does nothing for it any more after `until`; returns Ray's reference."""
        actor = self._fleet.actors[self._folders[shard]][replica]
        if verb == "open":
            return actor.open.remote()
        deadline = None if until is None else time.time() + max(0.0, until - time.monotonic())
        return actor.ask.remote(self._states[shard], deadline, verb, *values)


class _RayWire:
    """One question on its way; see Wire."""

    def __init__(self, shards: RayShards, verb: str, values: Sequence[Any], until: float | None) -> None:
        self._shards, self._verb, self._values, self._until = shards, verb, values, until
        self._asked: dict[str, int] = {}

    def send(self, shard: str, replica: int) -> Hashable:
        if shard in self._asked:
            self._shards.let_wait(shard, self._asked[shard])
        self._asked[shard] = replica
        call: Hashable = self._shards.call(shard, replica, self._verb, self._values, self._until)
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
            raise LostError(str(error)) from error
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, IndexStoreError) and not isinstance(cause, IndexChangedError):
                raise LostError(str(cause), cause) from None  # another copy may be sound
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


def _ram_bytes(folder: Path) -> int:
    """What a shard's codes and positions take in RAM, at most; its vectors and texts are mapped."""
    if (at_most := ram_bytes(folder)) is not None:
        return at_most
    _, segments = read_manifest(folder)
    return sum(segment.prefix.size + 8 * segment.documents for segment in segments)


def _free_bytes() -> dict[str, int]:
    """Of every living node, what Ray may still give away of its memory; its public functions tell of all together."""
    free = available_resources_per_node()
    return {node: int(has.get("memory", 0)) for node, has in free.items()}


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        yield from value if isinstance(value, tuple) else (value,)

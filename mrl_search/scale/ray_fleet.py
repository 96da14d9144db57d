"""The actors of a cluster's shards: where they begin, whose turn it is, and who takes a lost one's place."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray._private.state import available_resources_per_node
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from mrl_search.device import CPU, chosen_device
from mrl_search.errors import ClusterError, DeviceError, IndexChangedError, IndexStoreError
from mrl_search.indexes import read_manifest
from mrl_search.scale.asking import Manners
from mrl_search.scale.cluster import demand_there, state_of
from mrl_search.scale.copies import at_hand, cluster_folder, ram_bytes
from mrl_search.scale.placement import Cards, Node, Replica, cards_for, placed
from mrl_search.scale.ray_head import Head
from mrl_search.scale.shard import VERBS, Shard
from mrl_search.scale.storage import Storage

_KEPT = 2  # snapshots of a shard: that of new queries, and the one before it, until those that use it are done
_ILL_SECONDS = 2.0  # that a replica is asked last, after another had to be asked in its place
_FREED_SECONDS = 5.0  # at most, until Ray knows that an actor's card is free again, once it died
_DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class RayOptions:
    """replicas: of each shard. manners: how one waits for them. restarts: of an actor that is lost; -1 without end.

    seconds: that shards may take for one stage, whatever the terms; None for no limit. A process that is stopped, not
    dead, else holds up whoever set no deadline. opening_seconds: the same for opening, which processes are started for.
    device: see `cards_for`; which card it is, Ray decides.
    """

    replicas: int = 1
    manners: Manners = field(default_factory=Manners)
    restarts: int = -1
    seconds: float | None = None
    opening_seconds: float | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.device not in _DEVICES:
            raise DeviceError(f"there is no device {self.device!r} on Ray; choose one of {', '.join(_DEVICES)}")
        if self.replicas < 1:
            raise ClusterError(f"asked for {self.replicas} replicas of each shard; ask for at least 1")


class ShardActor:
    """A process that has a shard open: its last snapshots, each asked for by its state."""

    def __init__(self, folder: str, url: str | None = None, device: str = "cpu", share: float = 1.0) -> None:
        """url: of the cluster in object storage of which the folder holds, or is to hold, a copy.

        device: what searches it; of the cards that Ray lets this process see, the first. share: of its memory.
        """
        self._folder, self._device, self._share = Path(folder), device, share
        if url is not None:
            Storage(url, cluster_folder(self._folder)).settle()  # this may be another machine
        self._open: dict[str, Shard] = {}  # not yet: what is wrong with it is then told to whoever asks

    def open(self) -> str:
        """Opens what is committed now, if it is not open; its state."""
        at_hand(self._folder)
        demand_there(self._folder)
        if (state := state_of(self._folder)) in self._open:
            return state
        shard = Shard(self._folder, chosen_device(self._device), self._share)
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
        self.places: dict[str, list[Replica]] = {}  # where they began
        self._ill: dict[tuple[str, int], float] = {}
        self._died: dict[tuple[str, int], float] = {}
        self._cards = Cards()

    def start(self, folders: Iterable[Path]) -> None:
        """Starts the actors of those shards that have none, each where it is placed; they open when they are asked."""
        new = [str(folder) for folder in folders if str(folder) not in self.actors]
        if not new:
            return
        nodes, sizes = _nodes(), {folder: _ram_bytes(Path(folder)) for folder in new}
        self._cards = cards_for(self.options.device, nodes, len(new) * self.options.replicas)
        for replica in placed(sizes, nodes, self.options.replicas, {}, self._cards):
            self.actors.setdefault(replica.shard, []).append(self._begun(replica, sizes[replica.shard]))
            self.places.setdefault(replica.shard, []).append(replica)

    def _begun(self, replica: Replica, size: int) -> Any:
        """An actor at that place. Ray starts it anew wherever it can, but one with a card only where a card is."""
        storage = Storage.behind(cluster_folder(Path(replica.shard)))
        device = self.options.device if replica.card else str(CPU)
        made = ray.remote(ShardActor).options(
            num_cpus=0,
            num_gpus=replica.card,
            memory=size,
            max_restarts=0 if replica.card else self.options.restarts,
            scheduling_strategy=NodeAffinitySchedulingStrategy(replica.node, soft=True),  # should the node be lost
        )
        return made.remote(replica.shard, storage and storage.url, device, replica.card or 1.0)

    def died(self, actor: Any) -> None:
        """An actor is gone for good. Of one on a card, which may be gone with its node, another takes the place: on a
        card if one is free; else, if it may, on a CPU, unless its own card's node still is, and soon tells it free."""
        for folder, actors in self.actors.items():
            for number, other in enumerate(actors):
                if other is actor and self.places[folder][number].card and self.options.restarts:
                    self._replace(folder, number)
                    return

    def _replace(self, folder: str, number: int) -> None:
        since, size = self._died.setdefault((folder, number), time.monotonic()), _ram_bytes(Path(folder))
        nodes = _nodes()
        is_freed = self.places[folder][number].node in nodes and time.monotonic() - since < _FREED_SECONDS
        others = {replica.node for place, replica in enumerate(self.places[folder]) if place != number}
        try:
            (replica,) = placed({folder: size}, nodes, 1, {folder: others}, self._cards)
        except ClusterError:  # whoever waits for the shard asks again
            return
        if replica.card or not is_freed:
            self.actors[folder][number], self.places[folder][number] = self._begun(replica, size), replica
            del self._died[folder, number]

    def order(self, folder: str, turn: int) -> list[int]:
        """The replicas of a shard, in turn, so that all share the load; those on cards first, and last those that let
        somebody wait."""
        count, now = len(self.actors[folder]), time.monotonic()
        found = [(turn + place) % count for place in range(count)]
        on_cpu = [not replica.card for replica in self.places[folder]]
        return sorted(found, key=lambda one: (self._ill.get((folder, one), 0.0) > now, on_cpu[one]))

    def let_wait(self, folder: str, replica: int) -> None:
        """Somebody had to ask another replica."""
        self._ill[folder, replica] = time.monotonic() + _ILL_SECONDS

    def stop(self, folder: str) -> None:
        """Ends the actors of a shard that is no more."""
        for actor in self.actors.pop(folder, []):
            ray.kill(actor)
        self.places.pop(folder, None)

    def close(self) -> None:
        """Ends all; without a head nobody could, and they end with their nodes."""
        for folder in list(self.actors):
            if self.head is not None and self.head.is_lost:
                return
            self.stop(folder)


def _ram_bytes(folder: Path) -> int:
    """What a shard's codes and positions take in RAM, at most; its vectors and texts are mapped. 0 where it cannot be
    read: an actor tells that to whoever asks it, who may do without."""
    if (at_most := ram_bytes(folder)) is not None:
        return at_most
    try:
        _, segments = read_manifest(folder)
    except IndexStoreError:
        return 0
    return sum(segment.prefix.size + 8 * segment.documents for segment in segments)


def _nodes() -> dict[str, Node]:
    """Every living node, with what Ray may still give away there; its public functions tell of all together."""
    free = available_resources_per_node()
    return {node: Node(int(has.get("memory", 0)), has.get("GPU", 0.0)) for node, has in free.items()}

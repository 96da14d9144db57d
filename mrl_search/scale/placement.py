"""On which node each replica of each shard begins: by cards and memory, and no two of a shard on one if there are more.

Ray starts a lost actor again wherever it can, so this is a beginning, not a bond.
"""

from collections.abc import Mapping
from typing import NamedTuple

from mrl_search.errors import ClusterError, DeviceError

CUDA = "cuda"
_LEAST = 400 * 2**20  # bytes of an actor without a shard: Python, numpy, FAISS, the compiled kernels


class Replica(NamedTuple):
    """One of a shard's copies in memory. card: the share of a card that it takes, 0 of one on the CPU."""

    shard: str
    node: str
    card: float = 0.0


class Node(NamedTuple):
    """What a node has to give away: bytes of RAM, and cards."""

    ram_bytes: int
    cards: float = 0.0


class Cards(NamedTuple):
    """Who goes to cards. sharing: how many replicas share one; 0 for no cards. only: none goes to a CPU."""

    sharing: int = 0
    only: bool = False

    @property
    def share(self) -> float:
        """Of a card, that each of its replicas takes."""
        return 1 / self.sharing if self.sharing else 0.0


def cards_for(device: str, nodes: Mapping[str, Node], count: int) -> Cards:
    """How so many replicas use the cards of those nodes.

    device: `cpu`; `auto`, a card for each as long as there are any, the others to the CPU; or `cuda`, all to cards, as
    many on one as need be. Raises DeviceError where all must and there is none.
    """
    if device != CUDA:
        return Cards(int(device == "auto"))
    cards = sum(int(node.cards) for node in nodes.values())
    if not cards:
        raise DeviceError(
            "--device cuda wants shards on cards, and no node of the Ray cluster has a free one; "
            "start nodes with `ray start --num-gpus N`, or take --device auto or cpu"
        )
    return Cards(max(1, -(-count // cards)), only=True)


def placed(
    shard_bytes: Mapping[str, int],
    nodes: Mapping[str, Node],
    replicas: int,
    held: Mapping[str, set[str]],
    cards: Cards = Cards(),  # noqa: B008  a value
) -> list[Replica]:
    """Where so many replicas of each shard go: the first of each before any second, the largest shards first, each to
    a card while there are any, on the node with most memory left.

    shard_bytes: that a shard holds in RAM. held: the nodes of replicas there are.
    Raises ClusterError where a replica fits nowhere.
    """
    free = {node: has.ram_bytes for node, has in nodes.items()}
    slots = {node: int(has.cards * cards.sharing + 1e-6) for node, has in nodes.items()}  # shares add up to a card
    found, taken = [], {shard: set(held.get(shard, ())) for shard in shard_bytes}
    if not free:
        raise ClusterError("the Ray cluster has no node")
    largest_first = sorted(shard_bytes.items(), key=lambda one: (-one[1], one[0]))
    for shard, size in [each for _ in range(replicas) for each in largest_first]:
        with_card = [node for node in free if slots[node]]
        choices = [with_card] if cards.only else [with_card, list(free)]
        apart = [[node for node in some if node not in taken[shard]] for some in choices]
        fitting = [[node for node in some if free[node] >= size + _LEAST] for some in (*apart, *choices)]
        among = next((some for some in fitting if some), None)
        if among is None:
            raise _no_room(shard, size, [free[node] for node in choices[-1]], cards)
        node = max(among, key=lambda one: (free[one], one))
        card = cards.share if slots[node] else 0.0
        free[node] -= size + _LEAST
        slots[node] -= bool(card)
        taken[shard].add(node)
        found.append(Replica(shard, node, card))
    return found


def _no_room(shard: str, size: int, free: list[int], cards: Cards) -> ClusterError:
    where = "node with a free card" if cards.only else "node"
    if not free:
        return ClusterError(f"there is no {where} for the shard {shard}; add nodes")
    return ClusterError(
        f"the shard {shard} needs {_gib(size + _LEAST)} of RAM, and no {where} has more than "
        f"{_gib(max(free))} left; add nodes, or build more and smaller shards"
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"

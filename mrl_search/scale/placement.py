"""On which node each replica of each shard begins: by memory, and no two of a shard on one node while there are others.

Ray starts a lost actor again wherever it can, so this is a beginning, not a bond.
"""

from collections.abc import Mapping
from typing import NamedTuple

from mrl_search.errors import ClusterError

_LEAST = 400 * 2**20  # bytes of an actor without a shard: Python, numpy, FAISS, the compiled kernels


class Replica(NamedTuple):
    """One of a shard's copies in memory."""

    shard: str
    node: str


def placed(
    shard_bytes: Mapping[str, int], node_bytes: Mapping[str, int], replicas: int, held: Mapping[str, set[str]]
) -> list[Replica]:
    """Where so many replicas of each shard go: the largest first, each to the node with most memory left.

    shard_bytes: that a shard holds in RAM. node_bytes: free on each node. held: the nodes of replicas there are.
    Raises ClusterError where a replica fits nowhere.
    """
    free, found = dict(node_bytes), []
    taken = {shard: set(held.get(shard, ())) for shard in shard_bytes}
    for shard, size in sorted(shard_bytes.items(), key=lambda one: (-one[1], one[0])):
        for _ in range(replicas):
            others = [node for node in free if node not in taken[shard]] or list(free)
            if not others:
                raise ClusterError("the Ray cluster has no node")
            node = max(others, key=lambda one: (free[one], one))
            if free[node] < size + _LEAST:
                raise ClusterError(
                    f"the shard {shard} needs {_gib(size + _LEAST)} of RAM, and no node has more than "
                    f"{_gib(free[node])} left; add nodes, or build more and smaller shards"
                )
            free[node] -= size + _LEAST
            taken[shard].add(node)
            found.append(Replica(shard, node))
    return found


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"

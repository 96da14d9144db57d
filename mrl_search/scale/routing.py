"""Which shard a document belongs to, by its id alone."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import pairwise

from mrl_search.errors import ClusterError

BUCKETS = 4_096
"""A shard owns ranges of so many buckets; to split or merge shards moves whole buckets, never single documents."""

Ranges = tuple[tuple[int, int], ...]
"""Half-open ranges of buckets, ascending."""


def bucket_of(identifier: str) -> int:
    """The bucket of an id: the first 8 bytes of its BLAKE2b, which spreads ids evenly whatever they look like."""
    digest = hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def evenly(shards: int) -> list[Ranges]:
    """The buckets of so many shards, as even as can be. Raises ClusterError unless 1 <= shards <= BUCKETS."""
    if not 1 <= shards <= BUCKETS:
        raise ClusterError(f"asked for {shards} shards; ask for 1 to {BUCKETS:,}")
    edges = [BUCKETS * place // shards for place in range(shards + 1)]
    return [((first, last),) for first, last in pairwise(edges)]


def holds(ranges: Ranges, bucket: int) -> bool:
    """Whether a bucket is in one of the ranges."""
    return any(first <= bucket < last for first, last in ranges)


def halved(ranges: Ranges) -> tuple[Ranges, Ranges]:
    """The buckets in two parts of equal size. Raises ClusterError for a single bucket."""
    numbers = [bucket for first, last in ranges for bucket in range(first, last)]
    if len(numbers) < 2:
        raise ClusterError("a shard of a single bucket cannot be split")
    middle = len(numbers) // 2
    return joined(numbers[:middle]), joined(numbers[middle:])


def joined(numbers: Iterable[int]) -> Ranges:
    """Buckets as ranges."""
    found: list[list[int]] = []
    for bucket in sorted(numbers):
        if found and found[-1][1] == bucket:
            found[-1][1] += 1
        else:
            found.append([bucket, bucket + 1])
    return tuple((first, last) for first, last in found)


def together(parts: Sequence[Ranges]) -> Ranges:
    """The buckets of several shards."""
    return joined(bucket for ranges in parts for first, last in ranges for bucket in range(first, last))


def table(parts: Sequence[Ranges]) -> list[int]:
    """For every bucket the number of the part that has it. Raises ClusterError unless each is in exactly one."""
    owner = [-1] * BUCKETS
    for number, ranges in enumerate(parts):
        for first, last in ranges:
            if not (0 <= first < last <= BUCKETS and all(owner[bucket] < 0 for bucket in range(first, last))):
                raise ClusterError(f"the buckets {first} to {last} of shard {number} cannot be its own")
            owner[first:last] = [number] * (last - first)
    if -1 in owner:
        raise ClusterError(f"no shard has bucket {owner.index(-1)}")
    return owner

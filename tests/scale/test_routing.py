"""Buckets: every document has one shard, whatever was split or merged."""

import pytest

from mrl_search.errors import ClusterError
from mrl_search.scale.routing import BUCKETS, bucket_of, evenly, halved, holds, joined, table, together


def test_an_id_has_the_same_bucket_for_ever():
    # the first 8 bytes of BLAKE2b, big-endian, modulo 4,096: a change would lose every cluster's documents
    assert [bucket_of(identifier) for identifier in ("", "d1", "é", "\ud800")] == EXPECTED


EXPECTED = [692, 551, 2351, 3432]


def test_buckets_are_dealt_evenly_and_each_once():
    assert evenly(3) == [((0, 1365),), ((1365, 2730),), ((2730, 4096),)]
    assert table(evenly(3))[1365] == 1


def test_halves_come_together_again():
    left, right = halved(((0, 10), (20, 24)))
    assert (left, right) == (((0, 7),), ((7, 10), (20, 24)))
    assert together([right, left]) == ((0, 10), (20, 24))
    assert holds(right, 23) and not holds(right, 24)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([((0, BUCKETS - 1),)], "no shard has bucket 4095"),
        ([((0, 3000),), ((2999, BUCKETS),)], "cannot be its own"),
        ([((0, BUCKETS + 1),)], "cannot be its own"),
    ],
)
def test_a_bucket_of_no_shard_or_of_two_is_refused(parts, told):
    with pytest.raises(ClusterError, match=told):
        table(parts)


def test_a_single_bucket_is_not_split():
    with pytest.raises(ClusterError):
        halved(joined([7]))

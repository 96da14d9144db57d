"""Replicas go where memory is, and not twice to one node."""

import pytest

from mrl_search.errors import ClusterError
from mrl_search.scale.placement import Replica, placed

GIB = 2**30


def test_the_largest_shard_goes_first_and_to_the_freest_node():
    found = placed({"small": GIB, "large": 6 * GIB}, {"a": 8 * GIB, "b": 4 * GIB}, 1, {})
    assert found == [Replica("large", "a"), Replica("small", "b")]


def test_replicas_of_a_shard_stand_on_different_nodes_those_there_are_included():
    assert placed({"s": GIB}, {"a": 9 * GIB, "b": 2 * GIB}, 2, {}) == [Replica("s", "a"), Replica("s", "b")]
    assert placed({"s": GIB}, {"a": 9 * GIB, "b": 2 * GIB}, 1, {"s": {"a"}}) == [Replica("s", "b")]


def test_a_single_node_has_them_all():
    assert placed({"s": GIB}, {"a": 9 * GIB}, 2, {}) == [Replica("s", "a"), Replica("s", "a")]


def test_what_fits_nowhere_is_told_with_both_sizes():
    with pytest.raises(ClusterError, match=r"the shard s needs 8.4 GiB of RAM, and no node has more than 4.0 GiB left"):
        placed({"s": 8 * GIB}, {"a": 4 * GIB, "b": 3 * GIB}, 1, {})
    with pytest.raises(ClusterError, match="no node"):
        placed({"s": 1}, {}, 1, {})

"""Which replica of a shard is asked first."""

import pytest

ray_shards = pytest.importorskip("mrl_search.scale.ray_shards")


def fleet(replicas=3):
    made = ray_shards.Fleet(ray_shards.RayOptions(replicas))
    made.actors["shard"] = list(range(replicas))
    return made


def test_replicas_take_turns():
    assert [fleet().order("shard", turn) for turn in range(4)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


def test_a_replica_that_let_somebody_wait_is_asked_last_for_a_while(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(ray_shards.time, "monotonic", lambda: now[0])
    made = fleet()
    made.let_wait("shard", 1)
    assert made.order("shard", 1) == [2, 0, 1]
    now[0] += 3
    assert made.order("shard", 1) == [1, 2, 0]


def test_a_shard_has_at_least_one_replica():
    from mrl_search.errors import ClusterError

    with pytest.raises(ClusterError, match="at least 1"):
        ray_shards.RayOptions(0)

"""Which replica of a shard is asked first."""

import pytest

from mrl_search.scale.placement import Cards, Node, Replica

ray_fleet = pytest.importorskip("mrl_search.scale.ray_fleet")


def fleet(replicas=3):
    made = ray_fleet.Fleet(ray_fleet.RayOptions(replicas))
    made.actors["shard"] = list(range(replicas))
    made.places["shard"] = [Replica("shard", f"node {number}") for number in range(replicas)]
    return made


def test_replicas_take_turns():
    assert [fleet().order("shard", turn) for turn in range(4)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


def test_a_replica_that_let_somebody_wait_is_asked_last_for_a_while(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(ray_fleet.time, "monotonic", lambda: now[0])
    made = fleet()
    made.let_wait("shard", 1)
    assert made.order("shard", 1) == [2, 0, 1]
    now[0] += 3
    assert made.order("shard", 1) == [1, 2, 0]


def test_a_shard_has_at_least_one_replica():
    from mrl_search.errors import ClusterError

    with pytest.raises(ClusterError, match="at least 1"):
        ray_fleet.RayOptions(0)


def test_replicas_on_cards_are_asked_before_others_while_they_answer(monkeypatch):
    monkeypatch.setattr(ray_fleet.time, "monotonic", lambda: 100.0)
    made = fleet(4)
    for number in (1, 3):
        made.places["shard"][number] = Replica("shard", "card", 0.5)
    assert [made.order("shard", turn) for turn in (0, 2)] == [[1, 3, 0, 2], [3, 1, 2, 0]]
    made.let_wait("shard", 1)
    assert made.order("shard", 0) == [3, 0, 2, 1]


@pytest.fixture
def lost(monkeypatch):
    """A shard's only replica, on a card, whose actor died; what Ray has left is in `nodes`."""
    made, nodes, begun, now = fleet(1), {}, [], [100.0]
    made.places["shard"] = [Replica("shard", "old", 1.0)]
    made._cards = Cards(1)
    monkeypatch.setattr(ray_fleet, "_nodes", lambda: nodes)
    monkeypatch.setattr(ray_fleet, "_ram_bytes", lambda folder: 1000)
    monkeypatch.setattr(ray_fleet.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(made, "_begun", lambda replica, size: begun.append(replica) or f"actor {len(begun)}")
    return made, nodes, begun, now


def test_a_lost_card_is_replaced_by_a_free_one_at_once(lost):
    made, nodes, begun, _ = lost
    nodes |= {"plain": Node(2**34), "card": Node(2**33, 1.0)}
    made.died(0)
    assert begun == made.places["shard"] == [Replica("shard", "card", 1.0)]
    assert made.actors["shard"] == ["actor 1"]
    made.died(0)  # told twice, as by two questions
    assert len(begun) == 1


def test_without_a_free_card_the_cpu_takes_the_place_once_its_own_had_time_to_be_free_again(lost):
    made, nodes, begun, now = lost
    nodes |= {"plain": Node(2**34), "old": Node(2**33)}
    made.died(0)
    assert not begun
    now[0] += 5
    made.died(0)
    assert begun == [Replica("shard", "plain")]


def test_with_its_node_gone_the_cpu_takes_the_place_at_once(lost):
    made, nodes, begun, _ = lost
    nodes |= {"plain": Node(2**34)}
    made.died(0)
    assert begun == [Replica("shard", "plain")]


def test_who_must_be_on_a_card_waits_for_one(lost):
    made, nodes, begun, now = lost
    made._cards = Cards(2, only=True)
    nodes |= {"plain": Node(2**34)}
    made.died(0)
    now[0] += 60
    made.died(0)
    assert not begun
    nodes["card"] = Node(2**33, 0.5)  # another replica has the other half
    made.died(0)
    assert begun == [Replica("shard", "card", 0.5)]


def test_a_lost_actor_of_the_cpu_is_rays_affair(lost):
    made, nodes, begun, _ = lost
    made.places["shard"] = [Replica("shard", "plain")]
    nodes |= {"card": Node(2**33, 1.0)}
    made.died(0)
    assert not begun


def test_on_ray_no_card_is_named_by_its_number():
    from mrl_search.errors import DeviceError

    with pytest.raises(DeviceError, match="there is no device 'cuda:1' on Ray; choose one of auto, cpu, cuda"):
        ray_fleet.RayOptions(device="cuda:1")

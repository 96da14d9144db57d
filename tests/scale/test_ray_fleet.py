"""A shard's actor, in this process; where actors begin, which is asked first, and who takes a lost one's place."""

import shutil
import time

import numpy as np
import pytest

from mrl_search.errors import ClusterError, IndexChangedError, IndexStoreError
from mrl_search.funnel import Stage
from mrl_search.scale import add_to_cluster, read_cluster
from mrl_search.scale.cluster import shard_folder, state_of
from mrl_search.scale.placement import Cards, Node, Replica

ray_fleet = pytest.importorskip("mrl_search.scale.ray_fleet")


@pytest.fixture
def own(cluster, tmp_path):
    return shutil.copytree(cluster, tmp_path / "own")


def actor_of(cluster, number=0):
    folder = shard_folder(cluster, read_cluster(cluster).shards[number])
    return ray_fleet.ShardActor(str(folder)), folder


def test_an_actor_opens_what_is_committed_when_it_is_first_asked(own):
    actor, folder = actor_of(own)
    state = state_of(folder)
    assert not actor._open
    assert actor.ask(state, None, "facts").documents == read_cluster(own).shards[0].documents
    assert actor.open() == state and list(actor._open) == [state]


def test_nothing_is_done_for_whoever_waits_no_more(own):
    actor, _ = actor_of(own)
    assert actor.ask("whatever", time.time() - 1, "facts") is None
    assert not actor._open


def test_two_snapshots_are_kept_and_an_older_one_is_told_to_have_changed(own, corpus):
    actor, folder = actor_of(own)
    states = [actor.open()]
    identifier = next(f"d{n}" for n in range(700) if read_cluster(own).owner_of(f"d{n}") == 0)
    for number in range(2):
        add_to_cluster(own, corpus({"_id": identifier, "text": f"anew {number}"}))
        states.append(actor.open())
    assert len(set(states)) == 3 and states[-1] == state_of(folder)
    assert [actor.ask(state, None, "facts").documents for state in states[1:]] == [
        read_cluster(own).shards[0].documents
    ] * 2
    with pytest.raises(IndexChangedError, match="was changed since it was opened; open the cluster again"):
        actor.ask(states[0], None, "facts")


def test_what_is_wrong_with_a_shard_is_told_to_whoever_asks_not_to_who_starts_its_actor(own):
    actor, folder = actor_of(own)
    shutil.rmtree(folder)
    assert ray_fleet._ram_bytes(folder) == 0
    with pytest.raises(IndexStoreError, match="is gone; put back a copy of it"):
        actor.open()


def test_arrays_that_ray_hands_out_for_reading_only_are_copied_for_the_kernels(own):
    actor, _ = actor_of(own)
    state, query = actor.open(), np.ones((1, 64), np.float32)
    query.flags.writeable = False
    copy = ray_fleet._writable(query)
    assert copy.flags.writeable and (copy == query).all() and ray_fleet._writable(copy) is copy
    assert actor.ask(state, None, "shortlist", query, Stage(16, 3)).rows.shape == (1, 3)


def test_a_new_shard_s_actors_begin_where_they_are_placed_and_an_old_one_s_stay(monkeypatch, tmp_path):
    made, begun = ray_fleet.Fleet(ray_fleet.RayOptions(2)), []
    monkeypatch.setattr(ray_fleet, "_nodes", lambda: {"one": Node(2**33), "two": Node(2**33)})
    monkeypatch.setattr(ray_fleet, "_ram_bytes", lambda folder: 1000)
    monkeypatch.setattr(made, "_begun", lambda replica, size: begun.append(replica) or replica.node)
    made.start([tmp_path / "a"])
    assert sorted(made.actors[str(tmp_path / "a")]) == ["one", "two"]
    made.start([tmp_path / "a", tmp_path / "b"])
    assert len(begun) == 4 and {replica.shard for replica in begun[2:]} == {str(tmp_path / "b")}
    made.start([tmp_path / "b"])
    assert len(begun) == 4


def test_actors_end_with_their_fleet_unless_the_head_is_lost_and_nobody_could_end_them(monkeypatch):
    class Head:
        is_lost = True

    killed = []
    monkeypatch.setattr(ray_fleet.ray, "kill", killed.append)
    made = fleet()
    made.head = Head()
    made.close()
    assert not killed and made.actors
    made.head.is_lost = False
    made.close()
    assert killed == [0, 1, 2] and not made.actors and not made.places


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

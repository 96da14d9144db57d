"""Actors on nodes that say they have cards: where they begin, and who takes the place of one that is lost.

Ray believes what a node says of itself, so that placement needs no card; what is opened there by `auto` is the CPU.
"""

import time

import pytest
from ray_nodes import kill_actor, ray_nodes

import mrl_search
from mrl_search.device import _has_driver
from mrl_search.errors import DeviceError
from mrl_search.scale import open_cluster

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:ray"),
    pytest.mark.skipif(_has_driver(), reason="here a node that says it has cards may have other ones"),
]


@pytest.fixture
def nodes():
    with ray_nodes(1) as cluster:
        yield cluster


def with_cards(nodes, cards):
    made = nodes.add_node(num_cpus=1, num_gpus=cards, object_store_memory=100 * 2**20, memory=2**33)
    nodes.wait_for_nodes()
    return made


def opened(cluster, device="auto", **told):
    from mrl_search.scale.ray_shards import RayOptions, ray_transport

    return open_cluster(cluster, transport=ray_transport("auto", RayOptions(device=device, **told)))


def places(retriever):
    return [one for some in retriever.stored._shards._fleet.places.values() for one in some]


def wait_until_taken(cards):
    """Ray tells with a delay what it gave away."""
    import ray

    until = time.monotonic() + 20
    while ray.cluster_resources().get("GPU", 0.0) - ray.available_resources().get("GPU", 0.0) != cards:
        assert time.monotonic() < until
        time.sleep(0.1)


def node_of(actor):
    import ray

    return ray.get(actor.node.remote())


def test_shards_take_the_cards_there_are_and_a_lost_one_is_replaced(nodes, cluster, single):
    card_node = with_cards(nodes, 2)
    with mrl_search.open(single) as one:
        wanted = one.search(["number 7"], 9)
    with opened(cluster) as several:
        fleet = several.stored._shards._fleet
        assert several.search(["number 7"], 9) == wanted
        on_cards = [folder for folder, (place,) in fleet.places.items() if place.card == 1]
        assert len(on_cards) == 2
        wait_until_taken(2)
        assert {node_of(fleet.actors[folder][0]) for folder in on_cards} == {card_node.node_id}

        before = fleet.actors[on_cards[0]][0]
        kill_actor(before)
        assert several.search(["number 7"], 9) == wanted
        assert fleet.actors[on_cards[0]][0] is not before
        assert fleet.places[on_cards[0]][0].card == 1  # its own was free again

        nodes.remove_node(card_node, allow_graceful=False)
        until = time.monotonic() + 120
        while any(place.card for place in places(several)):  # its processes find out by themselves that it is gone
            assert time.monotonic() < until
            assert several.search(["number 7"], 9) == wanted


def test_all_that_must_have_a_card_share_them_and_say_where_there_is_none(nodes, cluster):
    with pytest.raises(
        DeviceError, match=r"^--device cuda wants shards on cards, and no node of the Ray cluster has a "
    ):
        opened(cluster, "cuda")
    with_cards(nodes, 1)
    with pytest.raises(DeviceError, match=r"^--device cuda needs a CUDA card, and there is no NVIDIA driver"):
        opened(cluster, "cuda")  # four actors of a quarter each began, and found out


def test_replicas_may_be_of_both_kinds(nodes, cluster, single):
    with_cards(nodes, 4)
    with mrl_search.open(single) as one, opened(cluster, replicas=2) as several:
        fleet = several.stored._shards._fleet
        assert [[place.card for place in some] for some in fleet.places.values()] == [[1, 0]] * 4
        assert one.search(["number 7"], 9) == several.search(["number 7"], 9)
        kill_actor(next(iter(fleet.actors.values()))[0])
        assert one.search(["number 7"], 9) == several.search(["number 7"], 9)

"""Replicas go to cards and where memory is, and not twice to one node."""

import pytest

from mrl_search.errors import ClusterError, DeviceError
from mrl_search.scale.placement import Cards, Node, Replica, cards_for, placed

GIB = 2**30


def nodes(**gib):
    return {name: Node(size * GIB) for name, size in gib.items()}


def test_the_largest_shard_goes_first_and_to_the_freest_node():
    found = placed({"small": GIB, "large": 6 * GIB}, nodes(a=8, b=4), 1, {})
    assert found == [Replica("large", "a"), Replica("small", "b")]


def test_replicas_of_a_shard_stand_on_different_nodes_those_there_are_included():
    assert placed({"s": GIB}, nodes(a=9, b=2), 2, {}) == [Replica("s", "a"), Replica("s", "b")]
    assert placed({"s": GIB}, nodes(a=9, b=2), 1, {"s": {"a"}}) == [Replica("s", "b")]


def test_a_single_node_has_them_all():
    assert placed({"s": GIB}, nodes(a=9), 2, {}) == [Replica("s", "a"), Replica("s", "a")]


def test_what_fits_nowhere_is_told_with_both_sizes():
    with pytest.raises(ClusterError, match=r"the shard s needs 8.4 GiB of RAM, and no node has more than 4.0 GiB left"):
        placed({"s": 8 * GIB}, nodes(a=4, b=3), 1, {})
    with pytest.raises(ClusterError, match="no node"):
        placed({"s": 1}, {}, 1, {})


def test_every_shard_has_a_replica_on_a_card_before_one_has_two():
    there = {"card": Node(8 * GIB, 2.0), "plain": Node(9 * GIB), "other": Node(7 * GIB)}
    found = placed({"s": GIB, "t": 2 * GIB}, there, 2, {}, Cards(1))
    # t first; 1.4 and 2.4 GiB with what an actor itself takes: 9, then 6.6, and 7 are left without a card
    assert found == [
        Replica("t", "card", 1.0), Replica("s", "card", 1.0), Replica("t", "plain"), Replica("s", "other"),
    ]  # fmt: skip


def test_another_node_is_worth_more_to_a_second_replica_than_another_card():
    there = {"card": Node(9 * GIB, 2.0), "plain": Node(4 * GIB)}
    assert placed({"s": GIB}, there, 2, {}, Cards(1)) == [Replica("s", "card", 1.0), Replica("s", "plain")]


def test_a_node_whose_memory_is_full_has_its_cards_for_nothing():
    there = {"card": Node(GIB, 1.0), "plain": Node(4 * GIB)}
    assert placed({"s": GIB}, there, 1, {}, Cards(1)) == [Replica("s", "plain")]
    with pytest.raises(ClusterError, match=r"needs 1.4 GiB of RAM, and no node with a free card has more than 1.0 GiB"):
        placed({"s": GIB}, there, 1, {}, Cards(1, only=True))


def test_without_cards_asked_for_a_card_is_not_taken():
    assert placed({"s": GIB}, {"card": Node(9 * GIB, 1.0)}, 1, {}) == [Replica("s", "card")]


def test_all_on_cards_share_them_evenly():
    there = {"one": Node(90 * GIB, 1.0), "two": Node(80 * GIB, 1.0), "plain": Node(99 * GIB)}
    cards = cards_for("cuda", there, 5)
    assert cards == Cards(3, only=True)  # 5 on two cards: at most three on one
    found = placed({f"s{n}": GIB for n in range(5)}, there, 1, {}, cards)
    assert {one.card for one in found} == {1 / 3}
    assert sorted(one.node for one in found).count("one") == 3 and "plain" not in {one.node for one in found}


def test_a_card_that_somebody_else_has_a_part_of_is_none():
    assert placed({"s": GIB}, {"card": Node(9 * GIB, 0.5)}, 1, {}, Cards(1)) == [Replica("s", "card")]
    with pytest.raises(
        DeviceError, match="no node of the Ray cluster has a free one; start nodes with `ray start --num"
    ):
        cards_for("cuda", {"card": Node(9 * GIB, 0.5), "plain": Node(GIB)}, 1)


def test_a_card_is_taken_by_default_and_left_alone_by_the_cpu():
    assert (cards_for("auto", {}, 9), cards_for("cpu", {}, 9)) == (Cards(1), Cards())

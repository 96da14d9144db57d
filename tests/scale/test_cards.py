"""Shards on a card: what they find is what a card finds in one index, alone and beside shards on the CPU."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from test_sharded import stages

import mrl_search
from mrl_search.device import CPU, chosen_device
from mrl_search.errors import DeviceError
from mrl_search.funnel import Stage
from mrl_search.scale import build_cluster, open_cluster
from mrl_search.scale.local import LocalShards
from mrl_search.scale.shard import Shard

FUNNEL = "16:50,32:20,64:5"
CLOSE = 1e-6  # docs/gpu.md: a card rounds its sums in another order


class Mixed(LocalShards):
    """Every other shard on a card, as replicas on Ray may be."""

    def __init__(self, folders, card):
        super().__init__(folders)
        for name in list(self.shards)[::2]:
            self.shards[name].close()
            self.shards[name] = Shard(folders[name], card)


@pytest.fixture(params=["all", "every other"])
def on_cards(request, cluster, pretended_card):
    transport = partial(Mixed, card=pretended_card) if request.param == "every other" else None
    with open_cluster(cluster, transport=transport, device=pretended_card) as retriever:
        yield retriever


def test_all_on_cards_keep_what_a_card_keeps_of_one_index_ties_included(single, cluster, queries, pretended_card):
    with mrl_search.open(single, device=pretended_card) as one, open_cluster(cluster, device=pretended_card) as several:
        one.stored = replace(one.stored, rotation=several.stored.rotation)  # a card's rounds otherwise
        for alone, together in zip(stages(one, queries, FUNNEL), stages(several, queries, FUNNEL), strict=True):
            assert (alone.rows == together.rows).all() and (alone.scores == together.scores).all()


def test_both_kinds_keep_what_the_cpu_keeps_but_for_the_order_of_what_is_as_near(single, on_cards, queries):
    with mrl_search.open(single) as one:
        wanted = stages(one, queries, FUNNEL)
        everything = one.index().shortlist(one.checked_queries(queries), Stage(64, 700))
    found = stages(on_cards, queries, FUNNEL)
    for alone, together in zip(wanted, found, strict=True):
        np.testing.assert_allclose(together.scores, alone.scores, atol=CLOSE)
    for query, (rows, scores) in enumerate(zip(found[-1].rows, found[-1].scores, strict=True)):
        score_of = dict(zip(everything.rows[query].tolist(), everything.scores[query].tolist(), strict=True))
        np.testing.assert_allclose([score_of[row] for row in rows.tolist()], scores, atol=CLOSE)


def test_a_proof_is_the_cpus_bit_for_bit(single, on_cards, queries):
    with mrl_search.open(single) as one:
        plan = one.plan(10, "16:20,64:10", "exact")
        alone, together = one.hits(queries, plan), on_cards.hits(queries, plan)
        assert (alone.rows == together.rows).all() and (alone.scores == together.scores).all()


def test_a_filter_is_searched_on_the_cpu(single, on_cards):
    with mrl_search.open(single) as one:
        asked = {"k": 12, "where": "year = 1995"}
        assert one.search(["number 7"], **asked) == on_cards.search(["number 7"], **asked)


def test_what_searches_is_told_with_how_many_shards_it_has(cluster, on_cards, pretended_card):
    many = len([one for one in on_cards.stored._shards.shards.values() if one.facts().where != "cpu"])
    told = f"4 shards, {many} of them on {pretended_card.told}, torch Flat float16; full vectors resident"
    assert on_cards.where == told and many in (2, 4)


def test_codes_that_another_replica_may_search_by_are_told_by_one_on_a_card_too(many, tmp_path, pretended_card):
    options = mrl_search.BuildOptions(prefix="SQ8", rotation="none")
    folder = build_cluster(many, tmp_path / "c", shards=2, dims=(16, 64), encoder="hashing:64", options=options)
    with open_cluster(folder, device=pretended_card) as several:
        assert "SQ8 is FAISS's" in several.where
        assert several.index().overlooks(Stage(16, 5))


def test_a_shard_that_was_added_to_is_searched_on_the_cpu_until_it_is_compacted(
    many, tmp_path, corpus, pretended_card, apart
):
    from mrl_search.scale import add_to_cluster, compact_cluster

    options = mrl_search.BuildOptions(prefix="Flat", rotation="none")
    folder = build_cluster(many, tmp_path / "c", shards=2, dims=(16, 64), encoder="hashing:64", options=options)
    add_to_cluster(folder, corpus({"_id": "new", "text": "brand new"}))
    with open_cluster(folder, device=pretended_card) as several:
        assert several.where.startswith("2 shards, 1 of them on ")
        assert several.search(["brand new"], 1)[0][0].id == "new"
    compact_cluster(folder)
    with open_cluster(folder, device=pretended_card) as several:
        assert several.where.startswith("2 shards, 2 of them on ")


def test_a_card_that_is_not_there_is_told_in_one_line(cluster, monkeypatch):
    from mrl_search import device

    monkeypatch.setattr(device, "_has_driver", lambda: False)
    monkeypatch.setattr(device, "_cards", list)
    with pytest.raises(DeviceError, match=r"^--device cuda needs a CUDA card, and there is no NVIDIA driver"):
        open_cluster(cluster, device="cuda")
    with open_cluster(cluster) as several:  # auto
        assert several.where == "4 shards"


@pytest.mark.gpu
def test_on_a_real_card_the_answers_are_the_cpus(single, cluster, queries):
    try:
        card = chosen_device("cuda")
    except DeviceError as error:
        pytest.skip(str(error))
    with (
        mrl_search.open(single, device=CPU) as one,
        open_cluster(cluster, transport=partial(Mixed, card=card)) as mixed,
        open_cluster(cluster, device="cuda") as several,
    ):
        assert str(several.where).startswith("4 shards, 4 of them on cuda:0")
        for retriever in (mixed, several):
            for alone, together in zip(stages(one, queries, FUNNEL), stages(retriever, queries, FUNNEL), strict=True):
                np.testing.assert_allclose(together.scores, alone.scores, atol=CLOSE)

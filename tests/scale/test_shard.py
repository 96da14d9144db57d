"""A shard by itself: rows are positions in the whole, and those of others are passed over."""

import numpy as np
import pytest

from mrl_search.funnel import Stage
from mrl_search.hits import Hits
from mrl_search.scale import read_cluster
from mrl_search.scale.shard import Shard


@pytest.fixture(scope="module")
def shard(cluster):
    one = Shard(cluster / read_cluster(cluster).shards[1].where)
    yield one
    one.close()


@pytest.fixture(scope="module")
def own(cluster, shard):
    """Positions of its documents, by their ids."""
    told = read_cluster(cluster)
    return [n for n in range(700) if told.owner_of(f"d{n}") == 1]


def test_it_knows_how_many_it_has_and_what_they_hold_in_ram(shard, own):
    documents, size, segments, deleted, *_ = shard.facts()
    assert documents == len(own) and size >= len(own) * 16 * 4
    assert (segments, deleted) == (1, 0)


def test_it_finds_its_own_by_their_places_in_the_whole(shard, own, queries):
    hits = shard.shortlist(queries, Stage(16, 20))
    assert set(hits.rows.ravel().tolist()) <= set(own)
    assert (np.diff(hits.scores, axis=1) <= 0).all()


def test_it_reranks_its_own_of_all_hits(shard, own, queries):
    rows = np.tile(np.arange(100), (len(queries), 1))
    found = shard.rerank(queries, Hits(np.zeros(rows.shape, np.float32), rows), Stage(64, 100))
    for line in found.rows:
        assert sorted(line[line >= 0].tolist()) == [n for n in own if n < 100]


def test_of_others_rows_it_finds_nothing(shard, own, queries):
    others = np.array([[n for n in range(700) if n not in own][:9]] * len(queries))
    found = shard.rerank(queries, Hits(np.zeros(others.shape, np.float32), others), Stage(64, 5))
    assert (found.rows == -1).all() and np.isneginf(found.scores).all()


def test_it_names_its_own_only(shard, own):
    assert shard.ids([0, 1, 2, 3, 699]) == {n: f"d{n}" for n in (0, 1, 2, 3, 699) if n in own}
    assert {row: one.id for row, one in shard.documents(own[:3]).items()} == {n: f"d{n}" for n in own[:3]}


def test_its_vectors_come_with_their_places_among_what_was_asked(shard, own):
    asked = np.array([own[5], -1, 10**9, own[2]])
    places, vectors = shard.take(asked)
    assert places.tolist() == [0, 3]
    again, one = shard.take(np.array([own[2]]))
    assert again.tolist() == [0] and (one[0] == vectors[1]).all()


def test_a_filter_that_no_document_here_knows_finds_nothing_and_says_why(shard, queries):
    assert "nosuch" in shard.passing("nosuch > 3")
    assert (shard.shortlist(queries, Stage(16, 5), "nosuch > 3").rows == -1).all()
    assert shard.passing("year = 1990") > 0

"""Shards searched as one: stage by stage what one index of all documents finds, ties included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mrl_search
from mrl_search.errors import ClusterError, FilterError, ShardsMissingError
from mrl_search.funnel import Funnel, Stage
from mrl_search.hits import Hits, best, merge
from mrl_search.scale import Terms, on_terms, open_cluster
from mrl_search.scale.shard import Facts
from mrl_search.scale.sharded import ShardedIndex


def stages(retriever, queries, funnel):
    """The hits after every stage."""
    index, queries = retriever.index(), retriever.checked_queries(queries)
    first, *rest = Funnel.parse(funnel).stages
    found = [index.shortlist(queries, first)]
    for stage in rest:
        found.append(index.rerank(queries, found[-1], stage))
    return found


@pytest.mark.parametrize("funnel", ["16:40,64:10", "16:3,64:2", "16:1000,64:700", "16:50,32:20,64:5", "64:25", "16:7"])
def test_every_stage_keeps_the_rows_and_scores_of_one_index_ties_included(single, cluster, queries, funnel):
    with mrl_search.open(single) as one, open_cluster(cluster) as several:
        for alone, together in zip(stages(one, queries, funnel), stages(several, queries, funnel), strict=True):
            assert (alone.rows == together.rows).all()
            assert (alone.scores == together.scores).all()


def test_the_answers_are_those_of_one_index_texts_and_metadata_too(single, cluster):
    with mrl_search.open(single) as one, open_cluster(cluster) as several:
        texts = ["number 7", "title 3 number 3", "nothing like it"]
        assert one.search(texts, 12) == several.search(texts, 12)
        assert len(several) == len(one) == 700


def test_a_filter_finds_what_it_finds_in_one_index(single, cluster):
    with mrl_search.open(single) as one, open_cluster(cluster) as several:
        for where in ("year = 1995", "year > 1992 AND year < 1995", "year = 3"):
            assert one.search(["number 7"], 12, where=where) == several.search(["number 7"], 12, where=where)
        with pytest.raises(FilterError):
            several.search(["number 7"], where="yaer = 1995")
        with pytest.raises(FilterError):
            several.search(["number 7"], where="year =")


def test_a_proof_is_that_of_one_index(single, cluster, queries):
    with mrl_search.open(single) as one, open_cluster(cluster) as several:
        plan = one.plan(10, "16:20,64:10", "exact")
        alone, together = one.hits(queries, plan), several.hits(queries, plan)
        assert (alone.rows == together.rows).all() and (alone.scores == together.scores).all()


def test_vectors_of_rows_come_from_whichever_shard_has_them(single, cluster):
    rows = np.array([699, 0, 33, 34, 698])
    with mrl_search.open(single) as one, open_cluster(cluster) as several:
        assert (one.index().take(rows) == several.index().take(rows)).all()


def test_a_shard_opens_alone(cluster):
    folder = next((cluster / "shards").iterdir())
    with mrl_search.open(folder) as shard:
        assert 100 < len(shard) < 250
        assert shard.search(["number 7"], 3)[0]


def test_what_works_with_all_vectors_says_that_they_lie_apart(cluster):
    with open_cluster(cluster) as several:
        for asked in ("stored", "prefixes", "rows"):
            with pytest.raises(ClusterError, match="lie in its shards"):
                getattr(several.index(), asked)


class Dealt:
    """Hits dealt out to shards that know only how to look up scores: no index, no file."""

    def __init__(self, scores, owners, silent=()):
        self.scores, self.owners, self.silent = scores, owners, silent
        self.names = tuple(f"s{number}" for number in range(int(owners.max(initial=0)) + 1))
        self.states = {}

    def ask(self, verb, *values):
        answers = {}
        for number, name in enumerate(self.names):
            own = np.flatnonzero(self.owners == number)
            if name in self.silent:
                continue
            if verb == "facts":
                answers[name] = Facts(len(own), 0, 1, 0, False, False)
                continue
            stage, among = values[-2], own
            if verb == "rerank":
                among = np.array([row for row in values[1].rows[0] if row in own], np.int64)
            answers[name] = best(self.scores[stage.dim][among][None], among[None], stage.k)
        return answers

    def close(self):
        pass


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_any_deal_of_documents_to_shards_gives_the_order_of_all_of_them(data):
    count = data.draw(st.integers(1, 30))
    few = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=count, max_size=count)  # so that they tie
    scores = {dim: np.array(data.draw(few), np.float32) for dim in (2, 4)}
    owners = np.array(data.draw(st.lists(st.integers(0, 4), min_size=count, max_size=count)))
    first = data.draw(st.integers(1, 35))
    last = data.draw(st.integers(1, first))
    index = ShardedIndex(Dealt(scores, owners), (2, 4))
    hits = index.rerank(
        np.zeros((1, 4), np.float32), index.shortlist(np.zeros((1, 4), np.float32), Stage(2, first)), Stage(4, last)
    )
    kept = sorted(range(count), key=lambda row: (-scores[2][row], row))[:first]
    wanted = sorted(kept, key=lambda row: (-scores[4][row], row))[:last]
    assert hits.rows[0][hits.rows[0] >= 0].tolist() == wanted


def silent_index():
    scores = {2: np.array([0.5, 1.0, 0.25, 0.75], np.float32)}
    shards = Dealt(scores, np.array([0, 1, 0, 1]))
    index = ShardedIndex(shards, (2, 4))
    shards.silent = ("s1",)
    return index


def test_a_silent_shard_is_an_error_that_names_it():
    with pytest.raises(ShardsMissingError, match=r"no answer from 1 of 2 shards \(s1\)"):
        silent_index().shortlist(np.zeros((1, 4), np.float32), Stage(2, 3))


def test_whoever_takes_part_of_an_answer_is_told_which_shards_it_lacks():
    with on_terms(Terms(partial=True)) as told:
        hits = silent_index().shortlist(np.zeros((1, 4), np.float32), Stage(2, 2))
    assert hits.rows.tolist() == [[0, 2]]
    assert told.missing == {"s1"}


def test_no_shard_at_all_is_an_error_whatever_is_taken():
    index = silent_index()
    index._shards.silent = ("s0", "s1")
    with on_terms(Terms(partial=True)), pytest.raises(ShardsMissingError, match="2 of 2"):
        index.shortlist(np.zeros((1, 4), np.float32), Stage(2, 2))


def test_merging_passes_over_places_that_found_nothing():
    parts = [
        Hits(np.array([[0.5, -np.inf]], np.float32), np.array([[3, -1]])),
        Hits(np.array([[0.5]], np.float32), np.array([[2]])),
    ]
    assert merge(parts, 3).rows.tolist() == [[2, 3, -1]]

"""Shards in one process: all of them, or an error; or, for whoever takes part of an answer, those that can answer."""

import shutil
import time

import pytest

from mrl_search.errors import IndexStoreError, ShardsMissingError
from mrl_search.scale import Terms, on_terms, open_cluster, read_cluster

TEXTS = ["number 7"]


@pytest.fixture
def own(cluster, tmp_path):
    return shutil.copytree(cluster, tmp_path / "own")


def folder_of(cluster, name):
    return cluster / read_cluster(cluster).named(name).where


def damage(cluster, name):
    """Changes every vector of a shard."""
    (path,) = folder_of(cluster, name).glob("segments/*/vectors.npy")
    told = bytearray(path.read_bytes())
    told[200:] = bytes(byte ^ 1 for byte in told[200:])
    path.write_bytes(told)


def owners(cluster, answers):
    told = read_cluster(cluster)
    return {told.shards[told.owner_of(answer.id)].name for answer in answers}


def test_a_shard_whose_folder_is_gone_is_an_error_that_names_it(own):
    shutil.rmtree(folder_of(own, "s1"))
    with pytest.raises(IndexStoreError, match=folder_of(own, "s1").name):
        open_cluster(own)


def test_or_is_named_by_an_answer_that_may_lack_it(own):
    shutil.rmtree(folder_of(own, "s1"))
    with on_terms(Terms(partial=True)) as told, open_cluster(own) as several, told.counted():
        (answers,) = several.search(TEXTS, 40)
    assert told.missing == {"s1"}
    assert owners(own, answers) == {"s0", "s2", "s3"}


def test_a_shard_that_is_found_to_be_damaged_is_an_error_or_named(own):
    damage(own, "s2")
    with open_cluster(own) as several:
        with pytest.raises(IndexStoreError):
            several.search(TEXTS, 40)
        with on_terms(Terms(partial=True)) as told, told.counted():
            (answers,) = several.search(TEXTS, 40)
    assert told.missing == {"s2"}
    assert owners(own, answers) == {"s0", "s1", "s3"}


def test_no_shard_is_begun_after_the_deadline(cluster, queries):
    with open_cluster(cluster) as several:
        with on_terms(Terms(seconds=1e-9)) as told, told.counted(), pytest.raises(ShardsMissingError, match="4 of 4"):
            several.search_vectors(queries)
        slow = several.stored._shards.shards["s0"]
        slow.shortlist = lambda *values: time.sleep(0.5) or type(slow).shortlist(slow, *values)
        with on_terms(Terms(seconds=0.6, partial=True)) as told, told.counted():
            several.search_vectors(queries, 5)
        assert told.missing == {"s1", "s2", "s3"}

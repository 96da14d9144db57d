"""What a cluster says of itself: read as it was written, or refused in a line."""

import json
import shutil

import pytest

from mrl_search.errors import ClusterError, IndexBusyError
from mrl_search.scale.cluster import (
    MANIFEST,
    bucket_of,
    is_cluster,
    read_cluster,
    recorded,
    shard_folder,
    state_of,
    write_cluster,
    writing,
)
from mrl_search.scale.routing import holds


@pytest.fixture
def own(cluster, tmp_path):
    """A cluster of 700 documents in four shards that a test may change."""
    return shutil.copytree(cluster, tmp_path / "own")


def test_what_is_written_is_read_again(own, tmp_path):
    told = read_cluster(own)
    assert (told.version, told.next_position, len(told.shards), told.manifest.documents) == (1, 700, 4, 700)
    write_cluster(tmp_path, told.changed(next_position=701))
    again = read_cluster(tmp_path)
    assert (again.version, again.next_position, again.shards) == (2, 701, told.shards)


def test_a_document_is_owned_by_the_shard_that_has_its_bucket(own):
    told = read_cluster(own)
    for identifier in ("d0", "d1", "another", ""):
        owner = told.shards[told.owner_of(identifier)]
        assert holds(owner.buckets, bucket_of(identifier))


def test_a_shard_is_found_by_its_name_and_others_are_told(own):
    told = read_cluster(own)
    names = [shard.name for shard in told.shards]
    assert told.named(names[2]) == told.shards[2]
    with pytest.raises(ClusterError, match=f"there is no shard 'sx'; there are {', '.join(names)}"):
        told.named("sx")


def test_a_folder_without_one_says_how_to_build_it(tmp_path):
    assert not is_cluster(tmp_path)
    with pytest.raises(ClusterError, match="build one: mrl-search build CORPUS --shards N"):
        read_cluster(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: "{", "cannot be read"),
        (lambda told: json.dumps({**told, "sha256": "0"}), "is damaged"),
        (lambda told: json.dumps({**told, "cluster": {**told["cluster"], "version": 9}}), "is damaged"),
        (lambda told: json.dumps([told]), "cannot be read"),
    ],
)
def test_a_changed_file_is_refused(own, change, message):
    path = own / MANIFEST
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(ClusterError, match=message):
        read_cluster(own)


def test_one_change_at_a_time(own):
    with writing(own) as told:
        assert told == read_cluster(own)
        with pytest.raises(IndexBusyError, match="wait for it to finish"), writing(own):
            pass


def test_a_shard_is_recorded_as_it_is(own):
    for shard in read_cluster(own).shards:
        assert recorded(own, shard) == shard
        assert state_of(shard_folder(own, shard)) == shard.state

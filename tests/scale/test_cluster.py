"""What a cluster says of itself: read as it was written, or refused in a line."""

import errno
import hashlib
import json
import shutil
import sqlite3
import tempfile

import pytest

from mrl_search.errors import ClusterError, IndexBusyError, IndexStoreError
from mrl_search.scale import build_cluster
from mrl_search.scale.cluster import (
    MANIFEST,
    bucket_of,
    demand_own,
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


def forged(folder, change):
    """Makes the manifest say something else, with the right checksum, as somebody else's might."""
    body = json.loads((folder / MANIFEST).read_text())["cluster"]
    change(body)
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps({"sha256": digest, "cluster": body}))


def of_first(name, value):
    return lambda body: body["shards"][0].update({name: value})


@pytest.mark.parametrize(
    "where", ["../victim", "shards/../../victim", "victim", "shards/victim", "", "a\0b", "/a\nb", "/\udcff", "shards"]
)
def test_a_shard_lies_in_a_folder_of_its_cluster_s_own_naming_or_where_it_was_moved_to(own, where):
    forged(own, of_first("where", where))
    with pytest.raises(ClusterError, match=r"cluster.json: .*a shard cannot be named 's0' and lie in "):
        read_cluster(own)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_first("name", "\x1b[31ms0\n"), r"cannot be named '\\x1b\[31ms0\\n'"),
        (of_first("name", "s1"), "two shards have one name"),
        (of_first("documents", -3), "the shard s0 cannot have -3 documents"),
        (of_first("documents", 10**30), "the shard s0 cannot have 10000000000000000000 documents"),
        (of_first("buckets", [[0, 1, 2]]), "the shard s0 cannot have .* its buckets"),
        (of_first("buckets", [[0, 10**12]]), "cannot be its own"),
        (lambda body: body.update(version=0), "version 0 and the next position 700 cannot be"),
        (lambda body: body.update(next_position=2**63), "the next position 9223372036854775808 cannot be"),
    ],
)
def test_numbers_and_names_that_cannot_be_are_told_with_the_file(own, change, message):
    forged(own, change)
    with pytest.raises(ClusterError, match=rf"cluster.json: .*{message}"):
        read_cluster(own)


def test_brackets_without_end_are_no_manifest(own):
    (own / MANIFEST).write_text("[" * 200_000)
    with pytest.raises(ClusterError, match="cannot be read: maximum recursion depth"):
        read_cluster(own)


def test_before_a_change_every_shard_must_be_there_and_of_this_cluster(own, many, tmp_path):
    told = read_cluster(own)
    demand_own(own, told, told.shards)
    other = build_cluster(many, tmp_path / "other", shards=4, dims=(8, 64), encoder="hashing:64")
    place = shard_folder(own, told.shards[1])
    shutil.rmtree(place)
    with pytest.raises(IndexStoreError, match="the shard in .*000001-0001 is gone; put back a copy of it"):
        demand_own(own, told, told.shards)
    shutil.copytree(shard_folder(other, read_cluster(other).shards[1]), place)
    with pytest.raises(ClusterError, match="in the place of the shard s1 is not this cluster's"):
        demand_own(own, told, told.shards)


def test_one_change_at_a_time(own):
    with writing(own) as told:
        assert told == read_cluster(own)
        with pytest.raises(IndexBusyError, match="wait for it to finish"), writing(own):
            pass


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "own"),
        (sqlite3.OperationalError("database or disk is full"), tempfile.gettempdir()),  # a corpus' ids lie there
    ],
)
def test_a_full_disk_is_told_with_its_folder(own, error, where):
    wanted = pytest.raises(ClusterError, match=rf"{where} could not be written: .*(No space|is full).*make room")
    with wanted, writing(own):
        raise error
    with pytest.raises(FileNotFoundError), writing(own):  # which says by itself where
        (own / "absent").read_bytes()
    with writing(own):  # nothing is held any more
        pass


def test_a_shard_is_recorded_as_it_is(own):
    for shard in read_cluster(own).shards:
        assert recorded(own, shard) == shard
        assert state_of(shard_folder(own, shard)) == shard.state

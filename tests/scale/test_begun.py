"""A build of a cluster that has begun: whose folder it is, and which build may take its parts."""

import dataclasses
import os

import pytest

from mrl_search.builder import BuildOptions
from mrl_search.data import open_corpus
from mrl_search.encoders import EncoderSpec
from mrl_search.encoding import load_encoder
from mrl_search.errors import ClusterError, IndexBusyError
from mrl_search.scale.begun import demand_free, key_of, working
from mrl_search.scale.cluster import WORK


def encoder_of(name):
    return load_encoder(EncoderSpec(name))


def test_a_folder_is_one_builds_alone(tmp_path):
    folder = tmp_path / "new"
    with working(folder), pytest.raises(IndexBusyError, match="wait for it to finish"), working(folder):
        pass
    with working(folder):  # whoever held it let it go
        pass


def test_what_an_interrupted_build_left_is_no_hindrance_and_anything_else_is(tmp_path):
    demand_free(tmp_path / "absent", None, force=False)
    for name in (WORK, "shards"):
        (tmp_path / name).mkdir()
    demand_free(tmp_path, None, force=False)
    (tmp_path / "letter.txt").touch()
    with pytest.raises(ClusterError, match="is not empty and holds no cluster"):
        demand_free(tmp_path, None, force=True)


def test_a_folder_of_that_name_with_anything_else_in_it_is_not_swept(tmp_path):
    for name in ("0003", "0123456789abcdef", "read.json", ".read.json.partial"):
        (tmp_path / WORK / name).mkdir(parents=True)
    demand_free(tmp_path, None, force=False)
    (tmp_path / WORK / "thesis.txt").touch()
    with pytest.raises(ClusterError, match="is not empty and holds no cluster"):
        demand_free(tmp_path, None, force=False)


def test_a_cluster_is_replaced_only_if_forced(cluster):
    demand_free(cluster, None, force=True)
    with pytest.raises(ClusterError, match="already holds a cluster; --force replaces it"):
        demand_free(cluster, None, force=False)


def test_only_the_same_build_takes_the_parts_of_one(corpus):
    path = corpus({"_id": "a", "text": "one"})
    encoder, options = encoder_of("hashing:64"), BuildOptions()

    def key(path=path, encoder=encoder, options=options, shards=2, version=1):
        return key_of(open_corpus(path), encoder, options, shards, version)

    first = key()
    assert key() == first
    others = [
        key(shards=3),
        key(version=2),
        key(encoder=encoder_of("hashing:32")),
        key(options=dataclasses.replace(options, skip_bad=1)),
        key(path=corpus({"_id": "a", "text": "one"}, name="other.jsonl")),
    ]
    os.utime(path, (1, 1))
    assert len({first, *others, key()}) == 7

"""Other shards for the same documents: every answer stays, and nobody who reads has to stop."""

import shutil

import pytest

import mrl_search
from mrl_search.errors import ClusterError
from mrl_search.scale import (
    add_to_cluster,
    build_cluster,
    delete_from_cluster,
    merge_shards,
    move_shard,
    open_cluster,
    read_cluster,
    split_shard,
)

TEXTS = ["number 7", "number 33", "title 3"]


@pytest.fixture
def own(cluster, tmp_path):
    shutil.copytree(cluster, tmp_path / "own")
    return tmp_path / "own"


def found(folder):
    with open_cluster(folder) as retriever:
        assert not retriever.stored.disagreeing
        return retriever.search(TEXTS, 40)


def test_a_split_a_merge_and_a_move_change_no_answer(own, tmp_path):
    before = found(own)
    told = split_shard(own, "s1")
    assert [shard.name for shard in told.shards] == ["s0", "s2.0", "s2.1", "s2", "s3"]
    assert found(own) == before
    merge_shards(own, ["s3", "s0", "s2.1"])
    assert found(own) == before and len(read_cluster(own).shards) == 3
    told = move_shard(own, "s2", tmp_path / "another disk" / "s2")
    assert told.named("s2").where == str(tmp_path / "another disk" / "s2")
    assert found(own) == before and told.version == 4
    assert len(list((own / "shards").iterdir())) == 2


def test_readers_go_on_while_shards_are_made_anew(own):
    with open_cluster(own) as reader:
        before = reader.search(TEXTS, 40)
        split_shard(own, "s0")
        merge_shards(own, ["s1", "s2"])
        assert reader.search(TEXTS, 40) == before


def test_what_was_deleted_is_not_copied_and_what_comes_later_finds_its_shard(own, tmp_path, corpus):
    delete_from_cluster(own, ["d7", "d8", "d9"])
    split_shard(own, "s0")
    split_shard(own, "s1")
    add_to_cluster(
        own, corpus({"_id": "d8", "text": "number 7"}, {"_id": "d1000", "text": "number 7"}, name="more.jsonl")
    )
    told = read_cluster(own)
    assert sum(shard.documents for shard in told.shards) == 699
    with open_cluster(own) as retriever:
        assert {"d8", "d1000"} <= {answer.id for answer in retriever.search(["number 7"], 40)[0]}
    for number, shard in enumerate(told.shards):
        with mrl_search.open(own / shard.where) as alone:
            ids = alone.stored.ids(alone.stored.vectors.rows.tolist()).values()
            assert {told.owner_of(identifier) for identifier in ids} == {number}


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_vectors_are_copied_bit_for_bit_in_every_type(many, tmp_path, dtype):
    options = mrl_search.BuildOptions(dtype=dtype, rotation="none")
    folder = build_cluster(many, tmp_path / dtype, shards=2, dims=(16, 64), encoder="hashing:64", options=options)
    before = found(folder)
    split_shard(folder, "s0")
    merge_shards(folder, [shard.name for shard in read_cluster(folder).shards])
    assert found(folder) == before


def test_what_cannot_be_done_says_so_and_changes_nothing(own, tmp_path):
    (tmp_path / "taken").mkdir()
    before = read_cluster(own)
    for call, told in (
        (lambda: split_shard(own, "s9"), "there is no shard 's9'; there are s0, s1, s2, s3"),
        (lambda: merge_shards(own, ["s1", "s1"]), "two shards or more"),
        (lambda: move_shard(own, "s1", tmp_path / "taken"), "is there already"),
    ):
        with pytest.raises(ClusterError, match=told):
            call()
    assert read_cluster(own) == before


@pytest.mark.parametrize(
    "where",
    [
        "shards/000001-0001/within",
        "shards/000001-0002/within",
        "shards/000002-0000",
        "work/s1",
        "../elsewhere/s0/within",
    ],
)
def test_no_shard_moves_to_where_another_name_would_remove_it(own, where, tmp_path):
    move_shard(own, "s0", tmp_path / "elsewhere" / "s0")
    before, found_before = read_cluster(own), found(own)
    with pytest.raises(ClusterError, match="would lie within .*, which is a cluster or an index"):
        move_shard(own, "s1", own / where)
    assert read_cluster(own) == before and found(own) == found_before


def test_a_folder_whose_name_no_manifest_can_say_is_refused_and_nothing_stays_there(own, tmp_path):
    with pytest.raises(ClusterError, match="cannot be named 's1' and lie in "):
        move_shard(own, "s1", tmp_path / "two\nlines")
    assert not (tmp_path / "two\nlines").exists() and found(own)


@pytest.mark.parametrize("change", ["split", "delete", "build"])
def test_what_killed_processes_were_writing_goes_with_the_next_change_and_nothing_else(own, many, change):
    for name in ("000001-0009", "000003-0000", "000009-0001-0123456789abcdef", "letters"):
        (own / "shards" / name).mkdir()
        (own / "shards" / name / "index.sqlite").touch()
    (own / "shards" / "000003-0000.done.json").touch()
    if change == "split":
        split_shard(own, "s1")
    elif change == "delete":
        delete_from_cluster(own, ["d7"])
    else:
        options = mrl_search.BuildOptions(force=True)
        build_cluster(many, own, shards=2, dims=(16, 64), encoder="hashing:64", options=options)
    named = {(own / shard.where).name for shard in read_cluster(own).shards}
    assert {one.name for one in (own / "shards").iterdir()} == named | {"letters"}
    assert found(own)


def test_a_copy_that_was_damaged_on_the_way_does_not_count(own, tmp_path, monkeypatch):
    def damaged(source, target, *rest):
        real(source, target, *rest)
        if rest:  # a folder in the folder
            return
        (vectors,) = target.glob("segments/*/vectors.npy")
        content = bytearray(vectors.read_bytes())
        content[-1] ^= 1
        vectors.write_bytes(content)

    real = shutil.copytree
    monkeypatch.setattr(shutil, "copytree", damaged)
    with pytest.raises(ClusterError, match="is not whole"):
        move_shard(own, "s1", tmp_path / "there")
    assert not (tmp_path / "there").exists() and found(own)

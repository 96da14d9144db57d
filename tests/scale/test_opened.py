"""Opening what is named: an index, a cluster, a folder of neither; and a cluster whose shards are not as it says."""

import shutil
from pathlib import Path

import pytest

import mrl_search
from mrl_search.errors import ClusterError, IndexChangedError, IndexStoreError
from mrl_search.scale import (
    add_to_cluster,
    build_cluster,
    delete_from_cluster,
    find_cluster,
    on_terms,
    open_any,
    open_cluster,
    read_cluster,
)
from mrl_search.scale.cluster import shard_folder
from mrl_search.scale.local import LocalShards
from mrl_search.scale.opened import ClusterIndex, beside_ray
from mrl_search.terms import Terms


@pytest.fixture
def own(cluster, tmp_path):
    return shutil.copytree(cluster, tmp_path / "own")


def place(folder, number):
    return shard_folder(folder, read_cluster(folder).shards[number])


def test_a_cluster_is_found_by_its_folder_or_by_its_name_among_the_others(cluster, single):
    assert find_cluster(cluster) == cluster
    assert find_cluster(Path(cluster.name), cluster.parent) == cluster
    assert find_cluster(single) is None and find_cluster(None) is None


def test_whatever_is_named_is_opened_and_only_a_cluster_is_asked_on_ray(cluster, single):
    with open_any(cluster) as several, open_any(single) as one:
        assert isinstance(several.stored, ClusterIndex) and not isinstance(one.stored, ClusterIndex)
        assert several.search(["number 7"], 5) == one.search(["number 7"], 5)
    with pytest.raises(ClusterError, match="is no cluster; only a cluster is searched by --ray"):
        open_any(single, ray="local")


def test_what_is_done_with_one_index_says_so_of_a_cluster(cluster):
    with pytest.raises(IndexStoreError, match=r"is a cluster, and this is of one index; name one of its shards"):
        mrl_search.open(cluster)


def test_what_encodes_beside_rays_actors_is_a_card_unless_the_cpu_was_asked_for():
    assert [beside_ray(device) for device in ("auto", "cpu", "cuda")] == ["auto", "cpu", "auto"]


def test_a_cluster_tells_of_all_its_shards_what_an_index_tells_of_itself(own):
    with open_cluster(own) as retriever:
        stored = retriever.stored
        assert (stored.manifest.documents, stored.segment_count, stored.deleted_rows) == (700, 4, 0)
        assert stored.is_whole and not stored.has_bounds and not stored.disagreeing
    delete_from_cluster(own, ["d7", "d8", "none"])
    with open_cluster(own) as retriever:
        stored = retriever.stored
        assert (stored.manifest.documents, stored.segment_count, stored.deleted_rows) == (698, 4, 2)
        assert not stored.is_whole


def test_documents_and_ids_come_in_the_order_of_their_rows_and_what_is_no_row_is_left_out(cluster):
    with open_cluster(cluster) as retriever:
        assert [one.id for one in retriever.stored.documents([650, 3, 9_999, 77]).values()] == ["d650", "d3", "d77"]
        assert retriever.stored.ids([3, 650]) == {3: "d3", 650: "d650"}
        with pytest.raises(ClusterError, match="documents and words lie in its shards"):
            _ = retriever.stored.catalog


def test_a_shard_that_is_gone_is_told_with_what_to_do_and_a_partial_answer_goes_without(own):
    shutil.rmtree(place(own, 2))
    with pytest.raises(IndexStoreError, match="the shard in .*000001-0002 is gone; put back a copy of it"):
        open_cluster(own)
    with on_terms(Terms(partial=True)) as told, open_cluster(own) as retriever:
        assert retriever.search(["number 7"], 3)[0] and told.missing == {"s2"}


@pytest.mark.parametrize("change", [{"dims": (8, 64)}, {"encoder": "hashing:128", "dims": (16, 128)}, {"kind": "none"}])
def test_a_shard_of_another_cluster_is_not_merged_with_the_others(own, many, tmp_path, change):
    told = {"dims": (16, 64), "encoder": "hashing:64", "kind": "pca", **change}
    options = mrl_search.BuildOptions(prefix="Flat", rotation=told.pop("kind"))
    other = build_cluster(many, tmp_path / "other", shards=4, options=options, **told)
    shutil.rmtree(place(own, 1))
    shutil.copytree(place(other, 1), place(own, 1))
    with pytest.raises(ClusterError, match="what lies in the place of the shard s1 is not this cluster's"):
        open_cluster(own)


def test_what_a_change_that_was_cut_short_left_is_opened_and_named(own, corpus, caplog):
    before = shutil.copy(own / "cluster.json", own.parent / "before.json")
    add_to_cluster(own, corpus({"_id": "d7", "text": "anew"}))
    told = read_cluster(own)
    owner = told.shards[told.owner_of("d7")]
    shutil.copy(before, own / "cluster.json")
    with open_cluster(own) as retriever:
        assert retriever.stored.disagreeing == (owner.name,)
        assert retriever.search(["anew"], 1)[0][0].id == "d7"
    assert f"what {owner.name} committed is not what version 1 of the cluster says" in caplog.text


def test_replicas_that_opened_two_commits_are_asked_again_a_few_times(cluster):
    tries = []

    def transport(folders, failures):
        tries.append(len(folders))
        if len(tries) <= failures:
            raise IndexChangedError("one replica is ahead")
        return LocalShards(folders)

    with open_cluster(cluster, transport=lambda folders: transport(folders, 4)) as retriever:
        assert len(retriever) == 700 and len(tries) == 5
    tries.clear()
    with pytest.raises(IndexChangedError):
        open_cluster(cluster, transport=lambda folders: transport(folders, 5))


def test_shards_are_let_go_of_where_the_cluster_cannot_be_opened(own):
    closed = []

    class Watched(LocalShards):
        def close(self):
            closed.append(True)
            super().close()

    (rotation,) = own.glob("rotation-*.npy")
    rotation.unlink()
    with pytest.raises(ClusterError, match="is missing or damaged"):
        open_cluster(own, transport=Watched)
    assert closed == [True]

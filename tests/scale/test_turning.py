"""What all shards' vectors are turned by: beside what the cluster has until cluster.json names it, whole or an error."""

import shutil

import numpy as np
import pytest
from test_building import TOLD

import mrl_search
from mrl_search.errors import ClusterError
from mrl_search.scale import building, open_cluster, read_cluster
from mrl_search.scale.building import build_cluster
from mrl_search.scale.cluster import write_cluster
from mrl_search.scale.turning import files_of, read_rotation


@pytest.fixture
def source(corpus):
    return corpus(*({"_id": f"d{n}", "text": f"number {n % 37}"} for n in range(60)))


OLD = mrl_search.BuildOptions(rotation="pca", prefix="Flat")
NEW = mrl_search.BuildOptions(rotation="pca", prefix="Flat", force=True)


@pytest.mark.parametrize("step", ["write_turning", "write_cluster"])
@pytest.mark.parametrize("after", [False, True])
def test_until_a_forced_build_commits_the_old_cluster_is_there_and_then_the_new(
    source, tmp_path, corpus, monkeypatch, step, after
):
    folder = build_cluster(source, tmp_path / "c", shards=2, options=OLD, **TOLD)
    with open_cluster(folder) as reader:
        before = reader.search(["number 7"], 9)
    other = corpus(*({"_id": f"d{n}", "text": f"other {n}"} for n in range(50)), name="other.jsonl")
    real = getattr(building, step)

    def killed(*values):
        if after:
            real(*values)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(building, step, killed)
        build_cluster(other, folder, shards=3, options=NEW, **TOLD)
    with open_cluster(folder) as reader:
        if (step, after) == ("write_cluster", True):
            assert len(reader) == 50
            return
        assert reader.search(["number 7"], 9) == before
    build_cluster(other, folder, shards=3, options=NEW, **TOLD)
    with open_cluster(folder) as reader:
        assert len(reader) == 50
    names = {path.name for path in folder.iterdir()}
    assert names == {"cluster.json", "shards", *files_of(read_cluster(folder))}


def test_a_build_that_was_given_up_leaves_no_file_once_another_is_done(source, tmp_path, corpus, monkeypatch):
    folder = build_cluster(source, tmp_path / "c", shards=2, options=OLD, **TOLD)
    other = corpus(*({"_id": f"d{n}", "text": f"other {n}"} for n in range(50)), name="other.jsonl")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(building, "write_cluster", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        build_cluster(other, folder, shards=2, options=NEW, **TOLD)
    assert len(list(folder.glob("rotation-*.npy"))) == 2
    build_cluster(source, folder, shards=2, options=NEW, **TOLD)
    assert [path.name for path in folder.glob("rotation*")] == files_of(read_cluster(folder))


def test_what_a_first_build_was_writing_when_it_was_killed_does_not_stand_in_the_next_one_s_way(source, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / ".rotation-0123456789abcdef.npy.partial").write_bytes(b"half")
    (tmp_path / "c" / "rotation-0123456789abcdef.npy").write_bytes(b"whole")
    build_cluster(source, tmp_path / "c", shards=2, options=OLD, **TOLD)
    assert not (tmp_path / "c" / "rotation-0123456789abcdef.npy").exists()


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_a_missing_or_damaged_rotation_is_told_by_its_name(source, tmp_path, damage):
    folder = build_cluster(source, tmp_path / "c", shards=2, options=OLD, **TOLD)
    (path,) = folder.glob("rotation-*.npy")
    damage(path)
    with pytest.raises(ClusterError, match=rf"{path.name} is missing or damaged"):
        open_cluster(folder)


@pytest.mark.parametrize("digest", ["/../../../victim", "0" * 63, "0" * 63 + "/", "\0"])
def test_no_part_of_a_path_is_taken_for_a_checksum(source, tmp_path, digest):
    folder = build_cluster(source, tmp_path / "c", shards=2, options=OLD, **TOLD)
    told = read_cluster(folder)
    write_cluster(folder, mrl_search.scale.cluster.replace(told, rotation=digest))
    with pytest.raises(ClusterError, match="is no sha256"):
        files_of(read_cluster(folder))
    adapter = {"method": "linear", "widths": [16], "size": 1, "sha256": digest}
    write_cluster(folder, mrl_search.scale.cluster.replace(told, index={**told.index, "adapter": adapter}))
    with pytest.raises(ClusterError, match="is no sha256"):
        files_of(read_cluster(folder))


def test_a_cluster_of_the_first_format_is_read_and_stays_one_until_it_is_built_anew(source, tmp_path):
    folder = build_cluster(source, tmp_path / "c", shards=2, options=OLD, **TOLD)
    told = read_cluster(folder)
    matrix = read_rotation(folder, told).matrix
    (path,) = folder.glob("rotation-*.npy")
    path.rename(folder / "rotation.npy")
    write_cluster(folder, mrl_search.scale.cluster.replace(told, format=1))
    old = read_cluster(folder)
    assert files_of(old) == ["rotation.npy"]
    assert (read_rotation(folder, old).matrix == matrix).all() and matrix.dtype == np.float32
    build_cluster(source, folder, shards=2, options=NEW, **TOLD)
    assert not (folder / "rotation.npy").exists() and read_cluster(folder).format == 2


def test_who_opens_a_cluster_as_it_is_replaced_opens_the_new_one(source, tmp_path, corpus):
    folder = build_cluster(source, tmp_path / "c", shards=2, options=OLD, **TOLD)
    other = build_cluster(
        corpus(*({"_id": f"d{n}", "text": f"other {n}"} for n in range(50)), name="other.jsonl"),
        tmp_path / "other",
        shards=2,
        options=OLD,
        **TOLD,
    )
    from mrl_search.scale.local import LocalShards

    def replacing(folders):  # between the reading of cluster.json and that of shards
        if next(iter(folders.values())).is_relative_to(folder) and len(read_cluster(folder).shards) == 2:
            build_cluster(tmp_path / "other.jsonl", folder, shards=3, options=NEW, **TOLD)
        return LocalShards(folders)

    with open_cluster(folder, transport=replacing) as reader, open_cluster(other) as wanted:
        assert len(reader.stored.cluster.shards) == 3
        assert reader.search(["other 7"], 5) == wanted.search(["other 7"], 5)
    shutil.rmtree(folder / read_cluster(folder).shards[0].where)
    with pytest.raises(mrl_search.errors.IndexStoreError):
        open_cluster(folder)

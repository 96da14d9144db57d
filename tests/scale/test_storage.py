"""Clusters in object storage: fsspec's memory:// stands for it, where each object is whole or is not there."""

import json

import fsspec
import numpy as np
import pytest

import mrl_search
from mrl_search.errors import ClusterError, MissingPackageError
from mrl_search.scale import build_cluster, find_cluster, open_any, open_cluster, read_cluster
from mrl_search.scale.storage import Storage, place
from mrl_search.scale.work import LocalWork

TOLD = {"dims": (16, 64), "encoder": "hashing:64"}
URL = "memory://bucket/big"


pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def source(corpus):
    return corpus(*({"_id": f"d{n}", "text": f"number {n % 37}"} for n in range(60)))


def elsewhere(tmp_path, monkeypatch):
    """From now on this is another machine, which has nothing yet."""
    monkeypatch.setenv("MRL_SEARCH_CACHE", str(tmp_path / "another machine"))


def test_a_cluster_in_storage_answers_on_another_machine_as_the_same_in_a_folder(
    many, cluster, queries, tmp_path, monkeypatch
):
    options = mrl_search.BuildOptions(prefix="Flat", rotation="pca")
    build_cluster(many, URL, shards=4, options=options, **TOLD)
    elsewhere(tmp_path, monkeypatch)
    with open_any(URL) as there, open_cluster(cluster) as here:
        wanted, found = (one.hits(queries, one.plan(9)) for one in (here, there))
        assert (wanted.rows == found.rows).all() and (wanted.scores == found.scores).all()
        assert there.search(["number 7"], 5) == here.search(["number 7"], 5)


def test_nothing_but_the_cluster_is_left_there(source, store):
    build_cluster(source, URL, shards=2, **TOLD)
    names = [name.removeprefix("/bucket/big/") for name in store.find("/bucket/big")]
    shards = sorted({name.split("/")[1] for name in names if name.startswith("shards/")})
    assert sorted({name.split("/")[0] for name in names}) == ["cluster.json", "shards"]
    assert [name[:11] for name in shards] == ["000001-0000", "000001-0001"]
    assert not [name for name in names if name.endswith("-shm")]


class Interrupted(LocalWork):
    """Ends after so many shards, as a power cut would."""

    def __init__(self, written):
        self.written, self.encoded = written, 0

    def encode(self, encode, parts):
        for part in parts:
            self.encoded += 1
            yield encode(part)

    def each(self, do, items):
        for number, item in enumerate(items):
            if number == self.written:
                raise KeyboardInterrupt
            yield do(item)


def test_a_build_goes_on_from_what_is_there_on_whatever_machine(source, store, tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        build_cluster(source, URL, shards=4, work=Interrupted(2), **TOLD)
    assert not store.exists("/bucket/big/cluster.json")
    before = {name: store.created(name) for name in store.find("/bucket/big/shards")}
    elsewhere(tmp_path, monkeypatch)
    work = Interrupted(9)
    build_cluster(source, URL, shards=4, work=work, **TOLD)
    assert work.encoded == 0
    kept = [name for name in store.find("/bucket/big/shards") if before.get(name) == store.created(name)]
    assert len({name.split("/")[4] for name in kept}) == 2  # shards that were finished were not sent again
    whole = build_cluster(source, tmp_path / "whole", shards=4, **TOLD)
    with open_any(URL) as one, open_cluster(whole) as other:
        assert one.search(["number 7"], 9) == other.search(["number 7"], 9)


def test_the_manifest_is_sent_after_all_it_names(source, store, monkeypatch):
    sent, send = [], Storage.send
    monkeypatch.setattr(Storage, "send", lambda self, path: (sent.append(path.name), send(self, path)))
    build_cluster(source, URL, shards=2, **TOLD)
    assert sent[-1] == "cluster.json" and sent.count("cluster.json") == 1
    assert sent.index("read.json") > max(n for n, name in enumerate(sent) if name == "000000.jsonl")
    notes = [n for n, name in enumerate(sent) if name.endswith(".done.json")]
    assert all("index.sqlite" in sent[:n] for n in notes) and len(notes) == 2


def test_a_copy_that_was_cut_short_is_never_opened(source, store, tmp_path, monkeypatch):
    build_cluster(source, URL, shards=2, **TOLD)
    elsewhere(tmp_path, monkeypatch)
    copied, copy = [], Storage.copy

    def cut_short(self, path, to):
        copied.append(path)
        if len(copied) == 4:
            raise KeyboardInterrupt
        copy(self, path, to)

    monkeypatch.setattr(Storage, "copy", cut_short)
    with pytest.raises(KeyboardInterrupt):
        open_any(URL)
    folder = Storage.of(URL).folder
    assert sorted(path.name for path in folder.iterdir()) == ["cluster.json", "origin.json"]
    monkeypatch.setattr(Storage, "copy", copy)
    with open_any(URL) as retriever:
        assert len(retriever) == 60


def test_an_object_that_is_damaged_there_is_found_out_and_not_kept(source, store, tmp_path, monkeypatch):
    build_cluster(source, URL, shards=2, **TOLD)
    elsewhere(tmp_path, monkeypatch)
    (name,) = [one for one in store.find("/bucket/big/shards") if one.endswith("vectors.npy") and "-0001-" in one]
    told = bytearray(store.cat_file(name))
    told[-3] ^= 1
    store.pipe_file(name, bytes(told))
    with pytest.raises(
        ClusterError, match=r"the shard s1 of memory://bucket/big is damaged: .*; build the cluster again"
    ):
        open_any(URL)
    store.rm(name)
    with pytest.raises(ClusterError, match="s1 .* is damaged"):
        open_any(URL)


@pytest.mark.parametrize("name", ["../../../../evil.txt", "segments/../../../../../evil.txt"])
def test_an_object_whose_name_leads_out_of_the_copies_is_refused_and_not_written(
    source, store, tmp_path, monkeypatch, name
):
    build_cluster(source, URL, shards=2, **TOLD)
    elsewhere(tmp_path, monkeypatch)
    catalog = next(one for one in store.find("/bucket/big/shards") if one.endswith("index.sqlite"))
    store.store[catalog.removesuffix("index.sqlite") + name] = store.store[catalog]
    with pytest.raises(ClusterError, match=r"memory://bucket/big holds .*evil.txt', which no cluster does"):
        open_any(URL)
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_manifest_there_that_cannot_be_is_told_by_its_url(source, store):
    build_cluster(source, URL, shards=2, **TOLD)
    store.pipe_file("/bucket/big/cluster.json", b"{}")
    with pytest.raises(ClusterError, match="^memory://bucket/big/cluster.json cannot be read"):
        open_any(URL)


@pytest.mark.parametrize("named", ["memory://", "s3:///"])
def test_a_scheme_alone_is_no_place(named):
    with pytest.raises(ClusterError, match=f"{named} names no place; wanted SCHEME://BUCKET/FOLDER"):
        place(named)


def test_a_cluster_there_is_replaced_only_if_forced_and_old_copies_go(source, corpus, store):
    build_cluster(source, URL, shards=2, **TOLD)
    with pytest.raises(ClusterError, match="memory://bucket/big already holds a cluster; --force replaces it"):
        build_cluster(source, URL, shards=2, **TOLD)
    other = corpus(*({"_id": f"d{n}", "text": f"other {n}"} for n in range(50)), name="other.jsonl")
    build_cluster(other, URL, shards=3, options=mrl_search.BuildOptions(force=True), **TOLD)
    assert {name.split("/")[4][:6] for name in store.find("/bucket/big/shards")} == {"000002"}
    with open_any(URL) as retriever:
        assert len(retriever) == 50
        copies = sorted(path.name[:11] for path in (retriever.stored.folder / "shards").iterdir())
        assert copies == ["000002-0000", "000002-0001", "000002-0002"]


def test_a_copy_of_a_cluster_that_is_no_more_there_is_not_taken_for_it(source, store):
    build_cluster(source, URL, shards=2, **TOLD)
    store.rm("/bucket/big", recursive=True)
    with pytest.raises(ClusterError, match="there is no cluster at memory://bucket/big; build one"):
        open_any(URL)
    build_cluster(source, URL, shards=2, **TOLD)
    with open_any(URL) as retriever:
        assert len(retriever) == 60


def test_copies_are_not_changed_in_place(source, corpus):
    folder = build_cluster(source, URL, shards=2, **TOLD)
    with pytest.raises(ClusterError, match="lies in memory://bucket/big, where nothing is changed in place"):
        mrl_search.scale.add_to_cluster(folder, corpus({"_id": "x", "text": "x"}, name="x.jsonl"))


def test_something_else_there_is_left_alone(source, store):
    store.pipe_file("/bucket/big/letter.txt", b"dear")
    with pytest.raises(ClusterError, match="is not empty and holds no cluster"):
        build_cluster(source, URL, shards=2, **TOLD)
    assert store.cat_file("/bucket/big/letter.txt") == b"dear"


def test_a_damaged_manifest_there_is_not_copied(source, store):
    folder = build_cluster(source, URL, shards=2, **TOLD)
    told = json.loads(store.cat_file("/bucket/big/cluster.json"))
    told["cluster"]["version"] = 7
    store.pipe_file("/bucket/big/cluster.json", json.dumps(told).encode())
    with pytest.raises(ClusterError, match="damaged"):
        find_cluster(URL)
    assert read_cluster(folder).version == 1


@pytest.mark.parametrize(
    ("url", "error", "told"),
    [
        ("nosuch://bucket/x", ClusterError, "^nosuch://bucket/x cannot be reached: ValueError: Protocol not known: nosuch"),
        ("memory://nobody/x", ClusterError, "^there is no cluster at memory://nobody/x; build one: mrl-search build"),
    ],
)  # fmt: skip
def test_what_cannot_be_reached_says_so_in_one_line(url, error, told):
    with pytest.raises(error, match=told) as raised:
        open_any(url)
    assert "\n" not in str(raised.value)


def test_a_package_that_lacks_is_named_with_its_extra(monkeypatch):
    def lacks(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", lacks)
    with pytest.raises(
        MissingPackageError, match=r"s3://bucket/x needs the package s3fs.*pip install 'mrl-search\[s3\]'"
    ):
        open_any("s3://bucket/x")


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("s3://bucket/big/", "s3://bucket/big"),
        ("gs://bucket", "gs://bucket"),
        ("S3://Bucket/a b", "S3://Bucket/a b"),
    ],
)
def test_a_url_stays_a_url(named, meant):
    assert place(named) == meant


def test_a_file_url_is_a_folder_and_can_what_folders_can(source, tmp_path):
    folder = build_cluster(source, f"file://{tmp_path}/several", shards=2, **TOLD)
    assert folder == tmp_path / "several"
    assert place("big") == type(tmp_path)("big")


def test_vectors_may_be_given(source, tmp_path, monkeypatch):
    vectors = np.random.default_rng(1).standard_normal((60, 32)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    options = mrl_search.BuildOptions(vectors=tmp_path / "v.npy", prefix="Flat")
    one = mrl_search.build(source, tmp_path / "one", dims=(8, 32), options=options)
    build_cluster(source, URL, shards=3, dims=(8, 32), options=options)
    elsewhere(tmp_path, monkeypatch)
    with mrl_search.open(one) as alone, open_any(URL) as together:
        assert alone.search_vectors(vectors, 7) == together.search_vectors(vectors, 7)

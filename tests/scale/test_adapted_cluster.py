"""A cluster behind an adapter, or of a sub-model: the answers of one index that is behind the same, bit for bit."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

import mrl_search
from mrl_search.adapter import Adapter, Fitted, write_adapter
from mrl_search.cli import main
from mrl_search.encoders import EncoderSpec
from mrl_search.errors import ClusterError
from mrl_search.indexes import check, open_index
from mrl_search.scale import (
    add_to_cluster,
    build_cluster,
    compact_cluster,
    delete_from_cluster,
    find_cluster,
    merge_shards,
    open_cluster,
    read_cluster,
    split_shard,
)

TEXTS = ["number 7", "title 3 number 3", "nothing like it"]


@pytest.fixture
def adapter(tmp_path):
    """Of hashing:64, with nothing orthogonal about it; its folder is `a`."""
    matrix = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    made = Adapter(Fitted("linear-mrl", 64, (16, 32), "hashing:64"), {"matrix": matrix})
    write_adapter(made, tmp_path / "a", {})
    return made


@pytest.fixture(params=["none", "pca"])
def both(request, tmp_path, many, adapter):
    """One index, and three shards; of neither is the adapter's folder there any more."""
    told = {
        "dims": (16, 64),
        "encoder": EncoderSpec("hashing:64", adapter=str(tmp_path / "a")),
        "options": mrl_search.BuildOptions(prefix="Flat", rotation=request.param),
    }
    one = mrl_search.build(many, tmp_path / "one", **told)
    several = build_cluster(many, tmp_path / "several", shards=3, **told)
    shutil.rmtree(tmp_path / "a")
    return one, several


def same(one, several, texts=TEXTS):
    with mrl_search.open(one) as alone, open_cluster(several) as together:
        assert alone.search(texts, 12) == together.search(texts, 12)
        noise = np.random.default_rng(3).standard_normal((40, 64)).astype(np.float32)
        asked = (noise, 12, "16:50,32:20,64:12")
        assert alone.search_vectors(*asked) == together.search_vectors(*asked)


def test_the_answers_are_those_of_one_index_with_the_same_adapter(both):
    same(*both)


def test_they_stay_so_whatever_comes_goes_and_moves_between_shards(both, corpus):
    one, several = both
    new = corpus(*({"_id": f"d{n}", "text": f"number {n} anew"} for n in range(0, 1400, 7)), name="new.jsonl")
    mrl_search.add(one, new)
    add_to_cluster(several, new)
    same(one, several, ["number 7 anew"])
    mrl_search.delete(one, ["d7", "d8"])
    delete_from_cluster(several, ["d7", "d8"])
    split_shard(several, "s1")
    merge_shards(several, ["s0", "s2"])
    compact_cluster(several)
    same(one, several)
    for shard in read_cluster(several).shards:
        assert not check(several / shard.where)


def test_every_shard_keeps_the_adapter_and_opens_alone(both, adapter):
    told = read_cluster(both[1])
    assert told.manifest.adapter.sha256 == adapter.digest
    for shard in told.shards:
        stored = open_index(both[1] / shard.where)
        assert stored.adapter.digest == adapter.digest
        stored.close()


def test_given_vectors_pass_through_it_too(tmp_path, corpus, adapter):
    source = corpus(*({"_id": f"d{n}", "text": ""} for n in range(60)))
    np.save(tmp_path / "v.npy", np.random.default_rng(1).standard_normal((60, 64)).astype(np.float32))
    words = ["build", source, "--vectors", str(tmp_path / "v.npy"), "--adapter", str(tmp_path / "a"), "--dims", "16,64"]
    for more in (["--index", str(tmp_path / "one")], ["--index", str(tmp_path / "several"), "--shards", "3"]):
        done = CliRunner().invoke(main, [*words, "--prefix", "Flat", *more])
        assert done.exit_code == 0, done.output
    queries = np.load(tmp_path / "v.npy")[:9] + 0.1
    with mrl_search.open(tmp_path / "one") as alone, open_cluster(tmp_path / "several") as together:
        assert alone.search_vectors(queries, 7) == together.search_vectors(queries, 7)


def test_an_adapter_that_is_damaged_is_told_by_its_name(both):
    (path,) = both[1].glob("adapter-*.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ClusterError, match=rf"{path.name} is missing or damaged"):
        open_cluster(both[1])


def test_another_adapter_s_parts_are_not_taken_over(tmp_path, many, adapter, corpus):
    from test_building import Interrupted

    told = {"dims": (16, 64), "options": mrl_search.BuildOptions(prefix="Flat", rotation="none")}
    spec = EncoderSpec("hashing:64", adapter=str(tmp_path / "a"))
    with pytest.raises(KeyboardInterrupt):
        build_cluster(many, tmp_path / "c", shards=2, encoder=spec, work=Interrupted(written=1), **told)
    build_cluster(many, tmp_path / "c", shards=2, encoder="hashing:64", **told)
    plain = mrl_search.build(many, tmp_path / "one", encoder="hashing:64", **told)
    same(plain, tmp_path / "c")


def test_a_sub_model_s_first_layers_encode_a_cluster_too(tmp_path, corpus, tiny):
    from small_bert import WORDS

    source = corpus(*({"_id": f"d{n}", "text": " ".join(WORDS[n % 7 : n % 7 + 3])} for n in range(40)))
    words = ["build", source, "--encoder", f"{tiny}:layers=1", "--dims", "8,16", "--prefix", "Flat", "--no-cache"]
    for more in (["--index", str(tmp_path / "one")], ["--index", str(tmp_path / "several"), "--shards", "2"]):
        done = CliRunner().invoke(main, [*words, *more, "--json"])
        assert done.exit_code == 0, done.output
    with mrl_search.open(tmp_path / "one") as alone, open_cluster(tmp_path / "several") as together:
        assert together.stored.manifest.encoder == alone.stored.manifest.encoder
        assert together.stored.manifest.encoder.layers == 1
        (one,), (several,) = (some.search([WORDS[3]], 40) for some in (alone, together))
    assert {a.id: a.score for a in one} == pytest.approx({a.id: a.score for a in several}, abs=1e-6)
    assert json.dumps(read_cluster(tmp_path / "several").index["encoder"]["layers"]) == "1"


def test_in_object_storage_the_adapter_goes_where_the_shards_go(tmp_path, many, adapter, monkeypatch):
    import fsspec

    fsspec.filesystem("memory").store.clear()
    told = {
        "dims": (16, 64),
        "encoder": EncoderSpec("hashing:64", adapter=str(tmp_path / "a")),
        "options": mrl_search.BuildOptions(prefix="Flat", rotation="pca"),
    }
    build_cluster(many, "memory://bucket/adapted", shards=2, **told)
    one = mrl_search.build(many, tmp_path / "one", **told)
    shutil.rmtree(tmp_path / "a")
    monkeypatch.setenv("MRL_SEARCH_CACHE", str(tmp_path / "another machine"))
    same(one, find_cluster("memory://bucket/adapted"))
    fsspec.filesystem("memory").store.clear()

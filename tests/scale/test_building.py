"""Building a cluster: the same index in shards, gone on with where it was interrupted, whole or not at all."""

import json

import numpy as np
import pytest

import mrl_search
from mrl_search.errors import ClusterError, CorpusError, VectorsError
from mrl_search.indexes import Layout, open_index, read_positions
from mrl_search.scale import build_cluster, open_cluster, read_cluster
from mrl_search.scale.work import LocalWork

TOLD = {"dims": (16, 64), "encoder": "hashing:64"}


@pytest.fixture
def source(corpus):
    return corpus(*({"_id": f"d{n}", "text": f"number {n % 37}"} for n in range(60)))


def test_every_document_lies_in_the_shard_of_its_id_at_its_place_in_the_corpus(cluster):
    told, seen = read_cluster(cluster), {}
    for number, shard in enumerate(told.shards):
        stored = open_index(cluster / shard.where)
        positions = read_positions(Layout(stored.folder), stored.segments)
        for row, identifier in stored.ids(range(len(positions))).items():
            assert told.owner_of(identifier) == number
            seen[int(positions[row])] = identifier
        stored.close()
    assert seen == {n: f"d{n}" for n in range(700)}
    assert told.next_position == 700 and told.version == 1


def test_all_shards_have_the_rotation_of_one_index(single, cluster):
    rotation = open_index(single).rotation.matrix
    for shard in read_cluster(cluster).shards:
        assert (open_index(cluster / shard.where).rotation.matrix == rotation).all()


def test_nothing_but_the_cluster_is_left_in_its_folder(cluster):
    rotation = f"rotation-{read_cluster(cluster).rotation[:16]}.npy"
    assert sorted(path.name for path in cluster.iterdir()) == ["cluster.json", rotation, "shards"]
    assert len(list((cluster / "shards").iterdir())) == 4


def test_vectors_may_be_given(source, tmp_path):
    vectors = np.random.default_rng(1).standard_normal((60, 32)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    options = mrl_search.BuildOptions(vectors=tmp_path / "v.npy", prefix="Flat")
    one = mrl_search.build(source, tmp_path / "one", dims=(8, 32), options=options)
    several = build_cluster(source, tmp_path / "several", shards=3, dims=(8, 32), options=options)
    with mrl_search.open(one) as alone, open_cluster(several) as together:
        assert alone.search_vectors(vectors, 7) == together.search_vectors(vectors, 7)


class Interrupted(LocalWork):
    """Ends after so many things, as a power cut would."""

    def __init__(self, encoded=1000, written=1000):
        self.encoded, self.written, self.calls = encoded, written, []

    def encode(self, encode, parts):
        return self._until(self.encoded, encode, parts)

    def each(self, do, items):
        return self._until(self.written, do, items)

    def _until(self, most, do, items):
        for number, item in enumerate(items):
            if number == most:
                raise KeyboardInterrupt
            self.calls.append(item)
            yield do(item)


def test_a_build_goes_on_with_parts_that_are_encoded_and_shards_that_are_finished(source, tmp_path, monkeypatch):
    folder = tmp_path / "several"
    for work in (Interrupted(encoded=2), Interrupted(written=1)):
        with pytest.raises(KeyboardInterrupt):
            build_cluster(source, folder, shards=4, work=work, **TOLD)
        assert not (folder / "cluster.json").exists()
    last = Interrupted()
    before = sorted((folder / "shards").glob("*.done.json"))
    build_cluster(source, folder, shards=4, work=last, **TOLD)
    assert len(before) == 1
    assert [type(call).__name__ for call in last.calls] == ["ShardPlan"] * 4  # all parts were encoded before
    whole = build_cluster(source, tmp_path / "at once", shards=4, **TOLD)
    with open_cluster(folder) as one, open_cluster(whole) as other:
        assert one.search(["number 7"], 9) == other.search(["number 7"], 9)


def test_another_corpus_takes_no_part_of_an_interrupted_build(source, tmp_path, corpus):
    folder = tmp_path / "several"
    with pytest.raises(KeyboardInterrupt):
        build_cluster(source, folder, shards=2, work=Interrupted(written=1), **TOLD)
    other = corpus(*({"_id": f"d{n}", "text": f"other {n}"} for n in range(50)))
    build_cluster(other, folder, shards=2, **TOLD)
    with open_cluster(folder) as retriever:
        assert len(retriever) == 50
        assert all(answer.text.startswith("other") for answer in retriever.search(["number"], 50)[0])


def test_a_cluster_is_replaced_only_if_forced_and_readers_keep_what_they_opened(source, tmp_path, corpus):
    folder = build_cluster(source, tmp_path / "several", shards=2, **TOLD)
    with pytest.raises(ClusterError, match="already holds a cluster; --force replaces it"):
        build_cluster(source, folder, shards=2, **TOLD)
    with open_cluster(folder) as reader:
        options = mrl_search.BuildOptions(force=True)
        other = corpus(*({"_id": f"d{n}", "text": f"other {n}"} for n in range(50)), name="other.jsonl")
        build_cluster(other, folder, shards=3, options=options, **TOLD)
        assert reader.search(["number 7"], 1)[0][0].text == "number 7"
    assert read_cluster(folder).version == 2
    assert len(list((folder / "shards").iterdir())) == 3


@pytest.mark.parametrize(
    ("lines", "shards", "error", "told"),
    [
        (['{"_id": "a", "text": "x"}', '{"_id": "a", "text": "y"}'], 1, CorpusError, "the id 'a' is already that of document number 1"),
        (['{"_id": "a", "text": "x"}', "{"], 1, CorpusError, "line 2"),
        (['{"_id": "a", "text": "x"}'], 2, ClusterError, "of 2 shards, 1 would be empty: 1 documents are too few"),
        (['{"_id": "a", "text": "x"}'], 5000, ClusterError, "asked for 5000 shards; ask for 1 to 4,096"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_says_so_and_leaves_nothing(tmp_path, lines, shards, error, told):
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(error, match=told):
        build_cluster(path, tmp_path / "made" / "several", shards=shards, **TOLD)
    assert [one.name for one in tmp_path.iterdir()] == ["bad.jsonl"]
    good = path.with_name("good.jsonl")
    good.write_text('{"_id": "a", "text": "x"}\n')
    folder = build_cluster(good, tmp_path / "several", shards=1, **TOLD)
    with pytest.raises(error, match=told):
        build_cluster(path, folder, shards=shards, options=mrl_search.BuildOptions(force=True), **TOLD)
    assert sorted(one.name for one in folder.iterdir()) == ["cluster.json", "shards"]


def test_given_vectors_must_be_in_step_and_finite(source, tmp_path):
    for shape, told in (((59, 32), "59 vectors for 60 documents"), ((60, 32), "row 7 .from 0. holds NaN")):
        vectors = np.ones(shape, np.float32)
        vectors[7] = np.nan
        np.save(tmp_path / "v.npy", vectors)
        with pytest.raises(VectorsError, match=told):
            build_cluster(
                source,
                tmp_path / "x",
                shards=2,
                dims=(8, 32),
                options=mrl_search.BuildOptions(vectors=tmp_path / "v.npy"),
            )


def test_a_folder_with_something_else_in_it_is_left_alone(source, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ClusterError, match="not empty and holds no cluster"):
        build_cluster(source, tmp_path / "mine", shards=2, **TOLD)


def test_a_damaged_manifest_is_told_apart_from_none(source, tmp_path):
    folder = build_cluster(source, tmp_path / "several", shards=2, **TOLD)
    path = folder / "cluster.json"
    told = json.loads(path.read_text())
    told["cluster"]["version"] = 7
    path.write_text(json.dumps(told))
    with pytest.raises(ClusterError, match="damaged"):
        read_cluster(folder)
    path.unlink()
    with pytest.raises(ClusterError, match="there is no cluster"):
        read_cluster(folder)


def test_a_shard_that_was_added_to_alone_is_refused(source, tmp_path, corpus):
    folder = build_cluster(source, tmp_path / "several", shards=2, **TOLD)
    mrl_search.add(folder / read_cluster(folder).shards[0].where, corpus({"_id": "new", "text": "new"}, name="n.jsonl"))
    with pytest.raises(ClusterError, match="was added to by itself"):
        open_cluster(folder)


def test_a_shard_that_was_compacted_alone_keeps_its_places(source, tmp_path):
    folder = build_cluster(source, tmp_path / "several", shards=2, **TOLD)
    with open_cluster(folder) as before:
        found = before.search(["number 7"], 9)
    mrl_search.compact(folder / read_cluster(folder).shards[0].where)
    with open_cluster(folder) as after:
        assert after.search(["number 7"], 9) == found
        assert after.stored.disagreeing == ("s0",)

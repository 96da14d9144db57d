"""A cluster that lives: documents come and go by their ids, and the answers are those of one index that lived so."""

import json
import shutil

import numpy as np
import pytest

import mrl_search
from mrl_search.errors import CorpusError, FilterError, IndexBusyError, VectorsError
from mrl_search.scale import add_to_cluster, build_cluster, delete_from_cluster, open_cluster, read_cluster
from mrl_search.scale.cluster import writing

TOLD = {"dims": (16, 64), "encoder": "hashing:64", "options": mrl_search.BuildOptions(prefix="Flat")}
TEXTS = ["number 7", "number 3", "new", "title"]


def lines(path, *documents):
    path.write_text("".join(json.dumps(one) + "\n" for one in documents))
    return path


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beginning")
    source = lines(folder / "c.jsonl", *({"_id": f"d{n}", "text": f"number {n % 7}", "year": n} for n in range(80)))
    mrl_search.build(source, folder / "one", **TOLD)
    build_cluster(source, folder / "several", shards=3, **TOLD)
    return folder


@pytest.fixture
def both(beginning, tmp_path):
    """(one index, a cluster) of the same 80 documents."""
    for name in ("one", "several"):
        shutil.copytree(beginning / name, tmp_path / name)
    return tmp_path / "one", tmp_path / "several"


def same(both, k=30):
    with mrl_search.open(both[0]) as one, open_cluster(both[1]) as several:
        return (
            len(one) == len(several)
            and one.search(TEXTS, k) == several.search(TEXTS, k)
            and not several.stored.disagreeing
        )


def test_what_is_added_or_replaced_is_found_as_in_one_index(both, tmp_path):
    more = lines(
        tmp_path / "m.jsonl", *({"_id": f"d{n}", "text": f"new number {n % 3}", "year": n} for n in range(70, 99))
    )
    alone, together = mrl_search.add(both[0], more), add_to_cluster(both[1], more)
    assert (
        (together.added, together.removed, together.documents)
        == (alone.added, alone.removed, alone.documents)
        == (29, 10, 99)
    )
    assert same(both)
    told = read_cluster(both[1])
    assert told.version == 2 and told.next_position == 109


def test_what_is_deleted_is_found_no_more(both):
    ids = ["d3", "d7", "d50", "nobody's"]
    assert mrl_search.delete(both[0], ids).removed == delete_from_cluster(both[1], ids).removed == 3
    assert delete_from_cluster(both[1], ["d3"]).missing == ("d3",)
    assert same(both)
    for delete in (mrl_search.delete, delete_from_cluster):
        delete(both[{mrl_search.delete: 0}.get(delete, 1)], where="year > 60")
    assert same(both)
    with pytest.raises(FilterError):
        delete_from_cluster(both[1], where="yaer > 60")


def test_any_course_of_changes_leaves_what_it_leaves_in_one_index(both, tmp_path):
    random = np.random.default_rng(5)
    for turn in range(6):
        some = random.integers(0, 120, 12)
        if turn % 3 == 2:
            for delete, folder in ((mrl_search.delete, both[0]), (delete_from_cluster, both[1])):
                delete(folder, [f"d{n}" for n in some])
            continue
        path = lines(
            tmp_path / "m.jsonl", *({"_id": f"d{n}", "text": f"number {turn}"} for n in sorted(set(some.tolist())))
        )
        mrl_search.add(both[0], path)
        add_to_cluster(both[1], path)
    assert same(both, 100)
    assert read_cluster(both[1]).version == 7


def test_vectors_may_come_with_the_documents(tmp_path):
    random = np.random.default_rng(1)
    np.save(tmp_path / "v.npy", random.standard_normal((40, 32)).astype(np.float32))
    np.save(tmp_path / "w.npy", random.standard_normal((9, 32)).astype(np.float32))
    source = lines(tmp_path / "c.jsonl", *({"_id": f"d{n}", "text": ""} for n in range(40)))
    more = lines(tmp_path / "m.jsonl", *({"_id": f"d{n}", "text": ""} for n in range(35, 44)))
    options = mrl_search.BuildOptions(vectors=tmp_path / "v.npy", prefix="Flat")
    one = mrl_search.build(source, tmp_path / "one", dims=(8, 32), options=options)
    several = build_cluster(source, tmp_path / "several", shards=2, dims=(8, 32), options=options)
    told = mrl_search.AddOptions(vectors=tmp_path / "w.npy")
    mrl_search.add(one, more, options=told)
    add_to_cluster(several, more, options=told)
    with mrl_search.open(one) as alone, open_cluster(several) as together:
        queries = np.load(tmp_path / "w.npy")
        assert alone.search_vectors(queries, 10) == together.search_vectors(queries, 10)
    with pytest.raises(VectorsError, match="40 vectors for 9 documents"):
        add_to_cluster(several, more, options=mrl_search.AddOptions(vectors=tmp_path / "v.npy"))


def test_a_bad_record_is_met_before_any_shard_is_changed(both, tmp_path):
    before = read_cluster(both[1])
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"_id": "x", "text": "x"}\n{"_id": "x", "text": "y"}\n')
    with pytest.raises(CorpusError, match="the id 'x' is already that of document number 1"):
        add_to_cluster(both[1], bad)
    assert read_cluster(both[1]) == before and same(both)


class CutShort:
    """Ends after one shard."""

    def encode(self, encode, parts):
        return map(encode, parts)

    def each(self, do, items):
        yield do(items[0])
        raise KeyboardInterrupt


def test_a_change_that_was_cut_short_is_told_of_and_made_whole_by_making_it_again(both, tmp_path):
    more = lines(tmp_path / "m.jsonl", *({"_id": f"n{n}", "text": f"new {n}"} for n in range(20)))
    with pytest.raises(KeyboardInterrupt):
        add_to_cluster(both[1], more, work=CutShort())
    with open_cluster(both[1]) as reader:
        assert len(reader.stored.disagreeing) == 1
        assert 80 < len(reader) < 100  # one shard has all of its own, the others none
    mrl_search.add(both[0], more)
    add_to_cluster(both[1], more)
    assert same(both)


def test_a_reader_keeps_what_it_opened(both, tmp_path):
    with open_cluster(both[1]) as reader:
        before = reader.search(TEXTS, 9)
        add_to_cluster(both[1], lines(tmp_path / "m.jsonl", {"_id": "d3", "text": "new"}))
        delete_from_cluster(both[1], ["d4"])
        assert reader.search(TEXTS, 9) == before


def test_two_writers_are_one_after_the_other(both):
    with writing(both[1]), pytest.raises(IndexBusyError, match="another process is writing"):
        delete_from_cluster(both[1], ["d1"])

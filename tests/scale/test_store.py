"""What a server opens and changes: a cluster or an index, whatever the folder holds."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import mrl_search
from mrl_search.encoding import load_encoder
from mrl_search.errors import IndexBusyError
from mrl_search.scale import AnyStore
from mrl_search.scale.cluster import writing


@pytest.mark.parametrize("kind", ["single", "cluster"])
def test_either_is_opened_added_to_and_deleted_from(kind, request, tmp_path, corpus):
    folder = shutil.copytree(request.getfixturevalue(kind), tmp_path / "own")
    store, encoder = AnyStore(), mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))
    before = store.state(folder)
    assert store.state(folder) == before
    added = store.add(folder, corpus({"_id": "n", "text": "brand new"}, name="n.jsonl"), encoder)
    assert (added.added, added.documents) == (1, 701)
    assert store.state(folder) != before
    with store.open(folder, load_encoder, "cpu") as retriever:
        assert retriever.search(["brand new"], 1)[0][0].id == "n"
    assert store.delete(folder, ["n", "d3"], None).removed == 2
    assert store.delete(folder, [], "year = 1991").documents < 699


@pytest.mark.parametrize("kind", ["single", "cluster"])
def test_a_stamp_changes_with_every_commit_where_others_serve_too(kind, request, tmp_path):
    folder = shutil.copytree(request.getfixturevalue(kind), tmp_path / "own")
    assert AnyStore().stamp(folder) is None
    store = AnyStore(is_shared=True)
    before = store.stamp(folder)
    assert store.stamp(folder) == before
    AnyStore().delete(folder, ["d3"], None)
    assert store.stamp(folder) != before


def test_a_change_waits_for_that_of_another_process_that_serves(cluster, tmp_path):
    folder = shutil.copytree(cluster, tmp_path / "own")
    with writing(folder), pytest.raises(IndexBusyError):
        AnyStore().delete(folder, ["d3"], None)
    with ThreadPoolExecutor(1) as pool:
        with writing(folder):
            change = pool.submit(AnyStore(is_shared=True).delete, folder, ["d3"], None)
            time.sleep(0.2)
            assert not change.done()
        assert change.result().removed == 1

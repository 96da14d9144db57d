"""What a server opens and changes: a cluster or an index, whatever the folder holds."""

import shutil

import pytest

import mrl_search
from mrl_search.encoding import load_encoder
from mrl_search.scale import AnyStore


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

"""A tuned funnel is a manifest over unchanged files."""

import pytest

from mrl_search.builder import build
from mrl_search.errors import IndexStoreError
from mrl_search.indexes import Manifest, TunedRecord, read_manifest, store_tuned, verify_index

RECORD = TunedRecord(None, 10, 0.9, 0.95, 0.94, 0.96, 100, "documents", 0.1, 0.2, "now", "here", "tune")


@pytest.fixture
def folder(corpus, tmp_path):
    source = corpus(*({"_id": str(row), "text": f"number {row}"} for row in range(30)))
    return build(source, tmp_path / "i", dims=(16, 64), encoder="hashing:64")


def test_the_funnel_and_its_record_are_committed_and_nothing_else_changes(folder):
    before, segment = read_manifest(folder)
    after = store_tuned(folder, before, "16:15,64:10", RECORD)
    assert read_manifest(folder) == (after, segment)
    assert (after.funnel, after.tuned) == ("16:15,64:10", RECORD)
    assert after.encoder == before.encoder
    verify_index(folder)


def test_a_manifest_without_one_says_nothing_of_it(folder):
    manifest, _ = read_manifest(folder)
    assert '"tuned":' not in manifest.to_json()
    tuned = store_tuned(folder, manifest, "16:15,64:10", RECORD)
    assert Manifest.from_json(tuned.to_json(), "here") == tuned


def test_where_there_is_no_index_none_is_made(folder, tmp_path):
    manifest, _ = read_manifest(folder)
    with pytest.raises(IndexStoreError, match="there is no index in"):
        store_tuned(tmp_path / "elsewhere", manifest, "16:15,64:10", RECORD)
    assert not (tmp_path / "elsewhere").exists()

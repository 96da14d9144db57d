"""A change that cannot be done, or is cut short, leaves the index as it was, and says why."""

import numpy as np
import pytest
from living_corpus import answers, document

import mrl_search
from mrl_search.errors import CorpusError, EncoderError, IndexStoreError, RotationError
from mrl_search.indexes import (
    IndexChange,
    read_manifest,
)
from mrl_search.living import AddOptions, add, compact, delete


@pytest.mark.parametrize(
    "bad, told",
    [
        ('{"_id": "x", "text": "a"}\nnot JSON\n', "line 2: is not JSON"),
        ('{"_id": "x", "text": "a"}\n{"_id": "x", "text": "b"}\n', "the id 'x' is also that of an earlier document"),
        ("\n", "holds no documents; nothing was added"),
        (
            '{"_id": "x", "text": ""}\n',
            "no document of .* has a text to encode; give their vectors with --vectors FILE",
        ),
    ],
)
def test_a_bad_record_leaves_the_index_as_it_was(tmp_path, built, bad, told):
    (tmp_path / "bad.jsonl").write_text(bad)
    before, there = answers(built), sorted(built.rglob("*"))
    with pytest.raises(CorpusError, match=told):
        add(built, tmp_path / "bad.jsonl")
    assert answers(built) == before
    assert sorted(built.rglob("*")) == there


def test_bad_records_may_be_skipped(tmp_path, built):
    (tmp_path / "bad.jsonl").write_text('{"_id": "x", "text": "a"}\nnot JSON\n')
    done = add(built, tmp_path / "bad.jsonl", options=AddOptions(skip_bad=1))
    assert (done.added, done.skipped) == (1, 1)
    assert read_manifest(built)[0].skipped == 1


def test_another_encoder_is_refused_before_anything_is_read(built, corpus):
    other = mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))
    other.encode_queries = lambda texts: np.eye(64, dtype=np.float32)[: len(texts)]
    with pytest.raises(EncoderError, match="encodes the probe sentence differently"):
        add(built, corpus(document(1), name="more.jsonl"), encoder=other)


def test_the_owner_of_the_lock_is_shown(built, monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.catalog._LOCK_SECONDS", 0.1)
    from mrl_search.indexes import IndexChange

    with (
        IndexChange(built),
        pytest.raises(IndexStoreError, match=r"another process is writing to .*: process \d+ on .*, since 20"),
    ):
        delete(built, ["d1"])
    assert not (built / "writer.json").exists()
    assert delete(built, ["d1"]).removed == 1
    assert not (built / "writer.json").exists()


def test_a_rotation_is_of_a_kind_and_fitted_only_if_that_is_asked_for(built):
    with pytest.raises(RotationError, match="unknown --rotation 'spin'; choose one of none"):
        compact(built, refit=True, rotation="spin")
    with pytest.raises(RotationError, match="--rotation pca is what --refit fits"):
        compact(built, rotation="pca")


def test_one_id_is_not_a_list_of_ids(built):
    with pytest.raises(TypeError, match="put it in a list"):
        delete(built, "d1")


def test_there_is_no_index_to_add_to(tmp_path, corpus):
    with pytest.raises(IndexStoreError, match="there is no index in"):
        add(tmp_path / "none", corpus(document(1)))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "place", ["segment_files.write_durably", "segment_files.record_of", "segment_files.sync_folder"]
)
def test_a_full_disk_leaves_the_index_as_it_was(built, corpus, monkeypatch, place):
    before, there = answers(built), sorted(built.rglob("*"))

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(f"mrl_search.indexes.{place}", full)
        for change in (lambda: add(built, corpus(document(1, "new"), name="more.jsonl")), lambda: compact(built)):
            with pytest.raises(IndexStoreError, match="No space left on device; nothing was committed"):
                change()
    assert answers(built) == before
    assert sorted(built.rglob("*")) == there


def test_a_catalog_that_cannot_grow_says_so(built, corpus, monkeypatch):
    before = answers(built)
    real = IndexChange.__enter__

    def full(change):
        real(change)
        pages = change._catalog.connection.execute("PRAGMA page_count").fetchone()[0]
        change._catalog.connection.execute(f"PRAGMA max_page_count = {pages}")
        return change

    monkeypatch.setattr(IndexChange, "__enter__", full)
    long = [document(number, "x" * 5_000) for number in range(100, 200)]
    with pytest.raises(IndexStoreError, match="full; nothing was committed"):
        add(built, corpus(*long, name="more.jsonl"))
    assert answers(built) == before


def test_an_interrupt_that_arrives_as_commit_returns_keeps_what_was_committed(built, corpus, monkeypatch):
    from mrl_search.indexes.catalog import Catalog

    real = Catalog.commit

    def interrupted(self, manifest):
        real(self, manifest)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Catalog, "commit", interrupted)
        add(built, corpus(document(77), name="more.jsonl"))
    assert read_manifest(built)[0].documents == 31
    assert [finding.cure for finding in mrl_search.check(built)] == [
        "remove it"
    ]  # the old segment, swept by the next writer
    delete(built, ["d77"])
    assert mrl_search.check(built) == []

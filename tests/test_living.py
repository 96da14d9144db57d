"""Documents come and go; what is found is what one build of the documents there are would find."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

import mrl_search
from mrl_search.errors import CorpusError, EncoderError, FilterError, GuaranteeError, IndexStoreError, VectorsError
from mrl_search.funnel import Funnel
from mrl_search.indexes import (
    Calibration,
    IndexChange,
    add_bounds,
    add_calibration,
    merging,
    open_index,
    read_manifest,
    verify_index,
)
from mrl_search.living import AddOptions, add, compact, delete

QUERIES = ["red fox", "tax law", "whale of the sea", "number 7", ""]
FUNNEL = "16:1000,64:50"
HASHING = mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))


def document(number, text=None, **other):
    return {
        "_id": f"d{number}",
        "title": f"title {number}",
        "text": text or f"number {number} of {number % 7}",
        **other,
    }


@pytest.fixture
def apart(monkeypatch):
    """No segment is ever merged by `add`."""
    monkeypatch.setattr(merging, "_SMALL", -1)
    monkeypatch.setattr(merging, "_LARGEST", 0)


@pytest.fixture
def built(tmp_path, corpus):
    path = corpus(*(document(number) for number in range(30)))
    return mrl_search.build(path, tmp_path / "index", dims=(16, 64), encoder="hashing:64")


def answers(folder, funnel=FUNNEL, **told):
    with mrl_search.open(folder) as retriever:
        return retriever.search(QUERIES, funnel=funnel, **told)


def built_of(tmp_path, *documents):
    """What one build of these documents answers."""
    path = tmp_path / "whole.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in documents))
    options = mrl_search.BuildOptions(force=True)
    return answers(mrl_search.build(path, tmp_path / "whole", dims=(16, 64), encoder="hashing:64", options=options))


def test_what_is_added_is_found_as_if_it_had_been_there_at_the_build(tmp_path, corpus, built, apart):
    for first in (30, 35, 40):
        done = add(built, corpus(*(document(number) for number in range(first, first + 5)), name="more.jsonl"))
        assert (done.added, done.removed) == (5, 0)
    assert (done.documents, done.segments, done.deleted) == (45, 4, 0)
    assert answers(built) == built_of(tmp_path, *(document(number) for number in range(45)))
    verify_index(built)
    assert mrl_search.check(built) == []


def test_a_document_takes_the_place_of_one_with_its_id(tmp_path, corpus, built, apart):
    new = document(3, "a red fox", year=1999)
    done = add(built, corpus(new, name="more.jsonl"))
    assert (done.added, done.removed, done.documents, done.segments, done.deleted) == (1, 1, 30, 2, 1)
    assert answers(built) == built_of(tmp_path, *(document(number) for number in range(30) if number != 3), new)
    with mrl_search.open(built) as retriever:
        assert retriever.search(["red fox"], k=1)[0][0].metadata == {"year": 1999}


def test_deleted_documents_are_not_found_and_ids_of_none_are_told(tmp_path, built):
    done = delete(built, ["d3", "d4", "nobody", "d3"])
    assert (done.removed, done.missing, done.documents, done.deleted) == (2, ("nobody",), 28, 2)
    assert answers(built) == built_of(tmp_path, *(document(number) for number in range(30) if number not in (3, 4)))
    assert delete(built, ["d3"]).missing == ("d3",)


def test_small_segments_are_merged_by_add_and_deleted_rows_go(tmp_path, corpus, built):
    delete(built, ["d0"])
    for number in range(30, 34):
        done = add(built, corpus(document(number), document(1, f"new {number}"), name="more.jsonl"))
        assert (done.segments, done.deleted) == (1, 0)
    documents = [document(number) for number in [*range(2, 34)]]
    assert answers(built) == built_of(tmp_path, *documents, document(1, "new 33"))
    assert len(list((built / "segments").iterdir())) == 1
    assert mrl_search.check(built) == []


def test_compact_leaves_one_segment_and_changes_no_answer(corpus, built, apart):
    for number in range(30, 34):
        add(built, corpus(document(number), name="more.jsonl"))
    delete(built, ["d2", "d31"])
    before = answers(built)
    done = compact(built)
    assert (done.segments, done.deleted, done.documents) == (1, 0, 32)
    assert answers(built) == before
    assert [path.name for path in (built / "segments").iterdir()] == ["000006"]
    verify_index(built)


def test_vectors_are_copied_bit_for_bit(corpus, tmp_path, apart):
    for dtype in ("float32", "bfloat16", "int8"):
        path = corpus(*(document(number) for number in range(9)))
        options = mrl_search.BuildOptions(dtype=dtype)
        folder = mrl_search.build(path, tmp_path / dtype, dims=(16, 64), encoder="hashing:64", options=options)
        before = np.load(folder / "segments/000001/vectors.npy")
        delete(folder, ["d4"])
        compact(folder)
        after = np.load(folder / "segments/000002/vectors.npy")
        np.testing.assert_array_equal(after, np.delete(before, 4, axis=0))


def test_an_index_may_lose_all_its_documents_and_get_others(tmp_path, corpus, built):
    assert delete(built, [f"d{number}" for number in range(30)]).documents == 0
    assert answers(built) == [[]] * len(QUERIES)
    assert compact(built)[4:] == (0, 0, 0)
    assert answers(built) == [[]] * len(QUERIES)
    assert list((built / "segments").iterdir()) == []
    assert mrl_search.check(built) == []
    add(built, corpus(document(7), name="more.jsonl"))
    assert answers(built) == built_of(tmp_path, document(7))


def test_an_open_retriever_keeps_its_documents_while_others_come_and_go(corpus, built, apart):
    before = answers(built)
    with mrl_search.open(built) as retriever:
        add(built, corpus(document(3, "red fox"), name="more.jsonl"))
        delete(built, [f"d{number}" for number in range(20)])
        compact(built)
        assert retriever.search(QUERIES, funnel=FUNNEL) == before
        assert len(retriever) == 30
    assert answers(built) != before


def test_given_vectors_are_added_in_step_with_their_documents(tmp_path, corpus):
    vectors = np.random.default_rng(0).standard_normal((12, 32)).astype(np.float32)
    np.save(tmp_path / "a.npy", vectors[:9])
    np.save(tmp_path / "b.npy", vectors[9:])
    path = corpus(*(document(number) for number in range(9)))
    options = mrl_search.BuildOptions(vectors=tmp_path / "a.npy")
    folder = mrl_search.build(path, tmp_path / "index", dims=(8, 32), options=options)
    more = corpus(*(document(number) for number in range(9, 12)), name="more.jsonl")
    with pytest.raises(EncoderError, match="built with given vectors; give the new documents' with --vectors"):
        add(folder, more)
    add(folder, more, options=AddOptions(vectors=tmp_path / "b.npy"))
    with mrl_search.open(folder) as retriever:
        found = [line[0].id for line in retriever.search_vectors(vectors, k=1)]
    assert found == [f"d{number}" for number in range(12)]
    np.save(tmp_path / "b.npy", vectors[:3, :16])
    with pytest.raises(VectorsError, match="holds 16 dims, the index was built with 32"):
        add(folder, more, options=AddOptions(vectors=tmp_path / "b.npy"))


@pytest.fixture
def rotated(tmp_path, corpus):
    path = corpus(*(document(number, f"word{number % 13} word{number % 7} {number}") for number in range(1_200)))
    options = mrl_search.BuildOptions(rotation="pca")
    return mrl_search.build(path, tmp_path / "rotated", dims=(16, 64), encoder="hashing:64", options=options)


def original(folder):
    """All vectors in the encoder's axes, by id."""
    stored = open_index(folder)
    rows = stored.vectors.rows
    vectors = stored.vectors.take(rows)
    if stored.rotation is not None:
        vectors = vectors @ stored.rotation.matrix
    ids = stored.ids(rows.tolist())
    stored.close()
    return {ids[row]: vector for row, vector in zip(rows.tolist(), vectors, strict=True)}


def test_what_is_added_is_rotated_as_the_rest_and_the_rotation_outlives_its_segment(corpus, rotated):
    add(rotated, corpus(document(5, "a red fox"), document(-1, "tax law"), name="more.jsonl"))
    assert read_manifest(rotated)[0].rotation.segment == 1
    compact(rotated)
    manifest, _ = read_manifest(rotated)
    assert (manifest.rotation.kind, manifest.rotation.segment) == ("pca", 3)
    assert [path.name for path in (rotated / "segments").iterdir()] == ["000003"]
    (wanted,) = HASHING.encode_documents(["title 5 a red fox"])
    np.testing.assert_allclose(original(rotated)["d5"], wanted, atol=1e-5)
    assert answers(rotated)[0][0].id == "d5"


def test_refitting_turns_vectors_back_before_it_turns_them_anew(corpus, rotated):
    before = original(rotated)
    old = open_index(rotated).rotation.matrix
    add(
        rotated,
        corpus(*(document(number, f"new{number % 5} {number}") for number in range(1_200, 1_900)), name="m.jsonl"),
    )
    compact(rotated, refit=True, rotation="pca")
    after = original(rotated)
    assert len(after) == 1_900
    for one in ("d0", "d777", "d1199"):
        np.testing.assert_allclose(after[one], before[one], atol=1e-5)
    assert np.abs(open_index(rotated).rotation.matrix - old).max() > 0.01
    compact(rotated, refit=True, rotation="none")
    assert open_index(rotated).rotation is None
    np.testing.assert_allclose(original(rotated)["d777"], before["d777"], atol=1e-5)


def test_a_rotation_stays_where_all_documents_went(corpus, rotated):
    delete(rotated, [f"d{number}" for number in range(1_200)])
    compact(rotated)
    add(rotated, corpus(document(5, "a red fox"), name="more.jsonl"))
    assert read_manifest(rotated)[0].rotation.kind == "pca"
    assert answers(rotated)[0][0].id == "d5"
    assert mrl_search.check(rotated) == []


def test_a_codec_that_was_asked_for_stays_and_another_may_be_asked_for(tmp_path, corpus, apart):
    path = corpus(*(document(number) for number in range(60)))
    options = mrl_search.BuildOptions(prefix="SQ8")
    folder = mrl_search.build(path, tmp_path / "index", dims=(16, 64), encoder="hashing:64", options=options)
    add(folder, corpus(document(60), name="more.jsonl"))
    manifest, segments = read_manifest(folder)
    assert (manifest.prefix, [segment.codec for segment in segments]) == ("SQ8", ["", "Flat"])
    compact(folder)
    assert read_manifest(folder)[0].prefix == "SQ8"
    compact(folder, prefix="auto")
    assert read_manifest(folder)[0].prefix == "Flat"


@pytest.mark.parametrize(
    "bad, told",
    [
        ('{"_id": "x", "text": "a"}\nnot JSON\n', "line 2: is not JSON"),
        ('{"_id": "x", "text": "a"}\n{"_id": "x", "text": "b"}\n', "the id 'x' is also that of an earlier document"),
        ("\n", "holds no documents; nothing was added"),
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


def test_documents_without_text_are_counted_as_they_come_and_go(built, corpus):
    add(built, corpus({"_id": "bare", "text": ""}, {"_id": "blank", "text": ""}, name="more.jsonl"))
    assert read_manifest(built)[0].without_text == 2
    delete(built, ["bare"])
    assert read_manifest(built)[0].without_text == 1


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


def test_what_was_calibrated_for_other_documents_is_dropped_and_said(built, caplog):
    add_calibration(built, Calibration(0.9, 0.95, 10, "16:20,64:10", 500, 0.95, "queries"))
    compact(built)
    assert len(read_manifest(built)[0].calibrations) == 1
    with caplog.at_level(logging.WARNING):
        delete(built, ["d1"])
    assert "calibrated recalls" in caplog.text
    with pytest.raises(GuaranteeError, match="was not calibrated"):
        answers(built, funnel=None, guarantee=0.9)


def test_exact_answers_are_proven_with_segments_deletions_and_bounds(tmp_path, corpus, built, apart):
    add_bounds(built)
    add(built, corpus(document(30), document(3, "red fox"), name="more.jsonl"))
    delete(built, ["d5"])
    kept = [document(number) for number in range(31) if number not in (3, 5)] + [document(3, "red fox")]
    wanted = built_of(tmp_path, *kept)
    found = answers(built, funnel="16:9,64:9", guarantee="exact")
    assert [[answer.score for answer in line] for line in found] == [[a.score for a in line[:9]] for line in wanted]
    compact(built)
    assert read_manifest(built)[0].bounds.segment == 3


def test_bounds_of_several_segments_are_not_made(corpus, built, apart):
    add(built, corpus(document(30), name="more.jsonl"))
    with pytest.raises(IndexStoreError, match="compact"):
        add_bounds(built)


def test_calibration_and_doctor_look_at_live_documents_of_all_segments(corpus, rotated, apart):
    from mrl_search.calibration import Promise, calibrate, sampled_queries
    from mrl_search.tuning.subject import subject

    add(rotated, corpus(*(document(number, f"new {number}") for number in range(1_200, 1_400)), name="m.jsonl"))
    delete(rotated, [f"d{number}" for number in range(0, 1_400, 3)])
    stored = open_index(rotated)
    queries, own = sampled_queries(stored.vectors)
    assert sorted(own.tolist()) == stored.vectors.rows.tolist()
    found = calibrate(stored.vectors, queries, Funnel.parse(stored.manifest.funnel), Promise(0.9, 5, 0.9), own)
    assert found.found >= 0.9
    stored.close()
    assert len(subject(str(rotated)).vectors) == 933


def test_tuning_says_that_the_index_is_to_be_compacted_first(corpus, rotated, apart):
    from mrl_search.tuning import Wish, tune

    add(rotated, corpus(document(-5), name="m.jsonl"))
    with pytest.raises(IndexStoreError, match="2 segments beside 0 deleted ones.*compact"):
        tune(rotated, Wish(recall=0.9))


def test_on_a_card_an_index_that_is_not_whole_is_searched_by_the_cpu(built, pretended_card, caplog):
    delete(built, ["d1"])
    with caplog.at_level(logging.WARNING), mrl_search.open(built, encoder=HASHING, device=pretended_card) as retriever:
        assert "is searched on the CPU; `mrl-search compact" in caplog.text
        assert retriever.where == "cpu"
        assert len(retriever.search(["red"], k=50)[0]) == 29


def test_a_build_may_replace_an_index_that_lived(tmp_path, corpus, built, apart):
    add(built, corpus(document(31), name="more.jsonl"))
    delete(built, ["d1"])
    mrl_search.build(
        corpus(document(1)), built, dims=(16, 64), encoder="hashing:64", options=mrl_search.BuildOptions(force=True)
    )
    assert answers(built) == built_of(tmp_path, document(1))
    assert mrl_search.check(built) == []


def test_one_id_is_not_a_list_of_ids(built):
    with pytest.raises(TypeError, match="put it in a list"):
        delete(built, "d1")


def test_there_is_no_index_to_add_to(tmp_path, corpus):
    with pytest.raises(IndexStoreError, match="there is no index in"):
        add(tmp_path / "none", corpus(document(1)))
    assert not (tmp_path / "none").exists()


GOLDEN = Path(__file__).parent / "indexes" / "golden"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_the_golden_index_of_format_2_opens_and_answers_for_ever(tmp_path, dtype):
    shutil.copytree(GOLDEN / "format-2" / dtype, folder := tmp_path / dtype)
    with mrl_search.open(folder) as retriever:
        found = retriever.search(["wooden nest"], funnel="16:5,64:3")[0]
        assert [answer.id for answer in found] == ["nest", "owl", "tree"]
        np.testing.assert_allclose([answer.score for answer in found], [0.5720, 0.4292, 0.2917], atol=0.005)
    assert mrl_search.check(folder) == []


def test_an_index_of_format_1_is_added_to(tmp_path, corpus):
    shutil.copytree(GOLDEN / "format-1" / "float32", folder := tmp_path / "index")
    add(folder, corpus({"_id": "owl", "text": "a wooden owl"}, name="more.jsonl"))
    delete(folder, ["doll"])
    with mrl_search.open(folder) as retriever:
        assert {answer.id for answer in retriever.search(["wooden"], k=9)[0]} == {"owl", "nest", "tree", "car", "空"}


@pytest.fixture
def dated(tmp_path, corpus, apart):
    """Documents of several years in two segments."""
    path = corpus(
        *(document(number, year=2000 + number % 5, lang="en" if number % 2 else "de") for number in range(30))
    )
    folder = mrl_search.build(path, tmp_path / "index", dims=(16, 64), encoder="hashing:64")
    add(folder, corpus(document(30, year=2001, lang="it's"), document(31), name="more.jsonl"))
    return folder


@pytest.mark.parametrize("guarantee", [None, "exact"])
def test_a_filtered_search_answers_as_an_index_of_what_the_filter_passes(tmp_path, dated, guarantee):
    kept = [number for number in range(30) if number % 5 >= 3 and number % 2]
    wanted = built_of(tmp_path, *(document(number, year=2000 + number % 5, lang="en") for number in kept))
    found = answers(dated, where="year >= 2003 AND lang = 'en'", guarantee=guarantee)
    assert found == wanted
    assert len(found[0]) == len(kept) == 6
    assert [answer.id for answer in answers(dated, where="lang = 'it''s'")[0]] == ["d30"]
    assert answers(dated, where="year > 3000") == [[]] * len(QUERIES)


def test_a_filter_that_is_asked_again_reads_no_catalog(dated, monkeypatch):
    from mrl_search.indexes.catalog import Catalog

    with mrl_search.open(dated) as retriever:
        first = retriever.hits(HASHING.encode_queries(["red"]), retriever.plan(k=3, where="year = 2001"))
        monkeypatch.setattr(Catalog, "_read", None)
        again = retriever.hits(HASHING.encode_queries(["red"]), retriever.plan(k=3, where="year = 2001"))
    assert again.rows.tolist() == first.rows.tolist()


def test_documents_that_a_filter_passes_are_deleted(dated):
    assert delete(dated, where="year < 2002").removed == 13
    assert {answer.metadata["year"] for answer in answers(dated)[0] if answer.metadata} == {2002, 2003, 2004}
    assert delete(dated, ["d31"], where="year IS NULL").missing == ("d31",)
    with pytest.raises(FilterError):
        delete(dated, where="year <")


def test_a_calibrated_recall_is_not_promised_of_filtered_searches(dated):
    add_calibration(dated, Calibration(0.9, 0.95, 10, "16:20,64:10", 500, 0.95, "queries"))
    with pytest.raises(GuaranteeError, match="proven for searches of all documents"):
        answers(dated, funnel=None, guarantee=0.9, where="year = 2001")


def test_a_calibration_is_refused_if_documents_came_or_went_meanwhile(built, corpus):
    manifest, segments = read_manifest(built)
    seen = (manifest.documents, segments)
    calibration = Calibration(0.9, 0.95, 10, "16:20,64:10", 500, 0.95, "queries")
    add_calibration(built, calibration, seen)
    delete(built, ["d1"])
    add(built, corpus(document(1), name="more.jsonl"))
    with pytest.raises(IndexStoreError, match="came or went while it was calibrated"):
        add_calibration(built, calibration, seen)


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

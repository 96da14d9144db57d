"""Documents come and go; what is found is what one build of the documents there are would find."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from living_corpus import FUNNEL, HASHING, QUERIES, answers, built_of, document, original

import mrl_search
from mrl_search.errors import EncoderError, VectorsError
from mrl_search.indexes import (
    open_index,
    read_manifest,
    verify_index,
)
from mrl_search.living import AddOptions, add, compact, delete

GOLDEN = Path(__file__).parent / "indexes" / "golden"


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
    assert delete(built, ["d3", "\ud800"]).missing == ("d3", "\ud800")
    with pytest.raises(TypeError, match="ids are texts, found 4"):
        delete(built, [4])


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


def test_documents_without_text_are_counted_as_they_come_and_go(built, corpus):
    add(built, corpus({"_id": "bare", "text": ""}, {"_id": "blank", "text": ""}, document(30), name="more.jsonl"))
    assert read_manifest(built)[0].without_text == 2
    delete(built, ["bare"])
    assert read_manifest(built)[0].without_text == 1


def test_a_build_may_replace_an_index_that_lived(tmp_path, corpus, built, apart):
    add(built, corpus(document(31), name="more.jsonl"))
    delete(built, ["d1"])
    mrl_search.build(
        corpus(document(1)), built, dims=(16, 64), encoder="hashing:64", options=mrl_search.BuildOptions(force=True)
    )
    assert answers(built) == built_of(tmp_path, document(1))
    assert mrl_search.check(built) == []


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_the_golden_index_of_a_format_opens_and_answers_for_ever(tmp_path, dtype, number):
    shutil.copytree(GOLDEN / f"format-{number}" / dtype, folder := tmp_path / dtype)
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


def test_compacting_reads_no_prefix_index(built):
    before = answers(built)
    (built / "segments/000001/prefix.faiss").write_bytes(b"whatever FAISS would make of this")
    compact(built)
    assert answers(built) == before
    assert mrl_search.check(built) == []

"""What is promised of answers, filters, tuning and cards where documents came and went."""

import logging

import pytest
from living_corpus import HASHING, QUERIES, answers, built_of, document

import mrl_search
from mrl_search.errors import FilterError, GuaranteeError, IndexStoreError
from mrl_search.funnel import Funnel
from mrl_search.indexes import (
    Calibration,
    add_bounds,
    add_calibration,
    open_index,
    read_manifest,
)
from mrl_search.living import add, compact, delete


def test_what_was_calibrated_for_other_documents_is_dropped_and_said(built, caplog):
    add_calibration(built, Calibration(0.9, 0.95, 10, "16:20,64:10", 500, 0.95, "queries"))
    compact(built)
    assert len(read_manifest(built)[0].calibrations) == 1
    with caplog.at_level(logging.WARNING):
        delete(built, ["d1"])
    assert "calibrated recalls" in caplog.text
    with pytest.raises(GuaranteeError, match="was not calibrated"):
        answers(built, funnel=None, guarantee=0.9)


@pytest.mark.parametrize("told", [{"prefix": "SQ8"}, {"refit": True, "rotation": "pca"}], ids=str)
def test_what_was_calibrated_for_another_prefix_index_is_dropped_and_said(built, caplog, told):
    add_calibration(built, Calibration(0.9, 0.95, 10, "16:20,64:10", 500, 0.95, "queries"))
    compact(built, **told)
    assert read_manifest(built)[0].calibrations == ()
    assert "the prefix index there were, and are dropped" in caplog.text


def test_codes_that_are_trained_anew_are_another_prefix_index(built):
    compact(built, prefix="SQ8")
    add_calibration(built, Calibration(0.9, 0.95, 10, "16:20,64:10", 500, 0.95, "queries"))
    compact(built)
    assert read_manifest(built)[0].calibrations == ()


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


def test_bounds_are_made_anew_with_the_segment_they_are_of(corpus, built):
    add_bounds(built)
    add(built, corpus(document(30), name="more.jsonl"))
    assert read_manifest(built)[0].bounds.segment == 2
    assert len(answers(built, guarantee="exact", funnel="16:9,64:9")[0]) == 9
    assert mrl_search.check(built) == []


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

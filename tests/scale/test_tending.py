"""Shards compacted, proven by bounds, calibrated: the answers stay, and what no longer holds is no longer promised."""

import shutil

import numpy as np
import pytest

import mrl_search
from mrl_search.calibration import Promise, calibrate
from mrl_search.errors import ClusterError, GuaranteeError, IndexStoreError
from mrl_search.funnel import Funnel
from mrl_search.indexes import read_manifest
from mrl_search.scale import (
    add_to_cluster,
    calibrate_cluster,
    compact_cluster,
    delete_from_cluster,
    merge_shards,
    open_cluster,
    prove_cluster,
    read_cluster,
    split_shard,
    tune_cluster,
)
from mrl_search.tuning import Wish, measured, record_of

TEXTS = ["number 7", "number 33", "title 3"]


@pytest.fixture
def own(cluster, tmp_path):
    return shutil.copytree(cluster, tmp_path / "own")


@pytest.fixture
def lived(own, corpus):
    """A cluster of which documents went, and to which some came."""
    add_to_cluster(own, corpus(*({"_id": f"n{n}", "text": f"number {n % 9}"} for n in range(40)), name="n.jsonl"))
    delete_from_cluster(own, [f"d{n}" for n in range(0, 700, 50)])
    return own


def found(folder, **told):
    with open_cluster(folder) as retriever:
        assert not retriever.stored.disagreeing
        return retriever.search(TEXTS, 40, **told)


def test_a_compacted_cluster_answers_as_before_from_one_segment_a_shard(lived):
    before, version = found(lived), read_cluster(lived).version
    done = compact_cluster(lived)
    assert (done.documents, done.segments, done.deleted) == (726, 4, 0)
    assert found(lived) == before and read_cluster(lived).version == version + 1
    for shard in read_cluster(lived).shards:
        manifest, segments = read_manifest(lived / shard.where)
        assert [one.documents for one in segments] == [manifest.documents]


def test_bounds_of_all_shards_prove_what_a_comparison_with_all_vectors_proves(own, single):
    told = {"funnel": "16:30,64:10", "guarantee": "exact"}
    with mrl_search.open(single) as one:
        wanted = one.search(TEXTS, 10, **told)
    rows, size = prove_cluster(own)
    assert rows == 700 and size > 0
    with open_cluster(own) as retriever:
        assert retriever.stored.has_bounds and not retriever.stored.disagreeing
        assert retriever.search(TEXTS, 10, **told) == wanted
    assert prove_cluster(own) == (rows, size)


def test_bounds_are_of_shards_of_one_segment(lived, monkeypatch, corpus):
    monkeypatch.setattr("mrl_search.indexes.merging._SMALL", 10)
    add_to_cluster(lived, corpus(*({"_id": f"m{n}", "text": "new"} for n in range(30)), name="m.jsonl"))
    with pytest.raises(IndexStoreError, match="compact"):
        prove_cluster(lived)
    before = found(lived)
    compact_cluster(lived)
    prove_cluster(lived)
    assert found(lived) == before


def test_a_shard_without_documents_needs_no_bounds(own):
    told = read_cluster(own)
    delete_from_cluster(own, [f"d{n}" for n in range(700) if told.owner_of(f"d{n}") == 2])
    compact_cluster(own)
    prove_cluster(own)
    with open_cluster(own) as retriever:
        assert retriever.stored.has_bounds
        assert retriever.search(TEXTS, 10, guarantee="exact")


def calibrated(folder, queries):
    with open_cluster(folder) as retriever:
        turned = retriever.checked_queries(queries)
        made = calibrate(retriever.index(), turned, Funnel.parse("16:40,64:5"), Promise(0.5, 5, 0.9))
        version = retriever.stored.cluster.version
    calibrate_cluster(folder, made, version)
    return made


def test_a_recall_is_calibrated_by_held_out_queries_and_kept_in_the_cluster(own, queries):
    many = np.concatenate([queries] * 2)
    made = calibrated(own, many)
    with open_cluster(own) as retriever:
        plan = retriever.plan(5, guarantee=0.5)
        assert plan.promise == made and str(plan.funnel) == made.funnel
        assert retriever.search(TEXTS, 5, guarantee=0.5)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder, source: add_to_cluster(folder, source),
        lambda folder, source: delete_from_cluster(folder, ["d3"]),
        lambda folder, source: split_shard(folder, "s1"),
        lambda folder, source: merge_shards(folder, ["s1", "s2"]),
        lambda folder, source: compact_cluster(folder),
    ],
)
def test_a_promised_recall_goes_with_the_documents_it_was_proven_for(own, queries, corpus, change, caplog):
    calibrated(own, np.concatenate([queries] * 2))
    change(own, corpus({"_id": "n", "text": "new"}, name="n.jsonl"))
    assert "calibrated recalls are dropped" in caplog.text
    with open_cluster(own) as retriever, pytest.raises(GuaranteeError, match="not calibrated"):
        retriever.plan(5, guarantee=0.5)


def test_a_recall_of_another_version_is_not_kept(own, queries):
    with open_cluster(own) as retriever:
        turned = retriever.checked_queries(np.concatenate([queries] * 2))
        made = calibrate(retriever.index(), turned, Funnel.parse("16:40,64:5"), Promise(0.5, 5, 0.9))
    delete_from_cluster(own, ["d3"])
    with pytest.raises(ClusterError, match="was changed while it was calibrated"):
        calibrate_cluster(own, made, 1)


def test_codes_in_one_shard_are_enough_for_a_stage_to_overlook_rows(tmp_path, corpus):
    """A shard whose documents grew many, say, while the cluster was built with exact prefixes."""
    source = corpus(*({"_id": f"d{n}", "text": f"number {n}"} for n in range(2_000)))
    options = mrl_search.BuildOptions(prefix="Flat", rotation="none")
    folder = mrl_search.scale.build_cluster(
        source, tmp_path / "c", shards=2, dims=(16, 64), encoder="hashing:64", options=options
    )
    with open_cluster(folder) as retriever:
        assert not retriever.index().overlooks(Funnel.parse("16:9,64:3").stages[0])
    mrl_search.compact(folder / read_cluster(folder).shards[0].where, prefix="SQ8")
    with open_cluster(folder) as retriever:
        assert retriever.index().overlooks(Funnel.parse("16:9,64:3").stages[0])
        assert retriever.index("id != 'd3'").overlooks(Funnel.parse("16:9,64:3").stages[0])


@pytest.fixture
def asked(tmp_path):
    """A file of 60 questions."""
    path = tmp_path / "q.jsonl"
    path.write_text("".join(f'{{"_id": "q{n}", "text": "number {n} title {n % 7}"}}\n' for n in range(60)))
    return str(path)


def test_a_tuned_funnel_keeps_what_it_says_of_the_exact_answers(lived, asked):
    with open_cluster(lived) as several:
        found = measured(several, Wish(0.6, 5, others=False, ahead=False), asked)
        for point in found.points:
            told = (
                several.hits(several.encode(texts_of(asked)), several.plan(5, funnel)).rows
                for funnel in (point.funnel, "64:5")
            )
            kept = [np.isin(true, ours).mean() for ours, true in zip(*told, strict=True)]
            assert point.recall.value == pytest.approx(np.mean(kept), abs=1e-5)
    assert found.chosen.recall.low >= 0.6 and found.documents == 726
    assert {point.prefix for point in found.points} <= {"Flat", "none"}


def texts_of(path):
    from mrl_search.data import read_queries

    return list(read_queries(path).values())


def test_a_tuned_funnel_is_the_next_version_s_unless_the_cluster_changed_meanwhile(own, asked):
    with open_cluster(own) as several:
        found = measured(several, Wish(0.6, 5, others=False, ahead=False), asked)
    record = record_of(found, found.chosen)
    tune_cluster(own, found.chosen.funnel, record, version=1)
    told = read_cluster(own).manifest
    assert (told.funnel, told.tuned) == (found.chosen.funnel, record)
    with open_cluster(own) as several:
        assert str(several.funnel) == found.chosen.funnel
    with pytest.raises(ClusterError, match="was changed while it was tuned; tune it again"):
        tune_cluster(own, found.chosen.funnel, record, version=1)

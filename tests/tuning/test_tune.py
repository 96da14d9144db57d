"""Tuning whole indexes, small ones."""

import dataclasses
import json
from importlib import import_module

import numpy as np
import pytest
from planted import planted

from mrl_search.builder import BuildOptions, build
from mrl_search.errors import FunnelError, IndexStoreError
from mrl_search.indexes import open_index, read_manifest, store_tuned
from mrl_search.retriever import open_retriever
from mrl_search.tuning import Tuning, Wish, plot_tuning, tune, tuning_table


def built(corpus, tmp_path, **told):
    np.save(tmp_path / "v.npy", planted(32, (8,), 1.5, rows=2_000))
    source = corpus(*({"_id": f"d{row:04}", "text": "x"} for row in range(2_000)))
    options = BuildOptions(**({"vectors": tmp_path / "v.npy", "rotation": "none", "force": True} | told))
    return build(source, tmp_path / "i", dims=(8, 32), options=options)


def test_the_chosen_funnel_surely_reaches_the_target_and_becomes_the_index_s_own(corpus, tmp_path):
    folder = built(corpus, tmp_path)
    found = tune(folder, Wish(0.9, others=False), asked=200)
    assert found.chosen.recall.low >= 0.9
    assert (found.nearest, found.better) == (None, None)
    manifest, _ = read_manifest(folder)
    assert manifest.funnel == found.chosen.funnel
    assert (manifest.tuned.recall, manifest.tuned.target) == (found.chosen.recall.value, 0.9)
    assert (manifest.tuned.source, manifest.tuned.asked) == ("documents", 200)
    vectors = planted(32, (8,), 1.5, rows=2_000)
    with open_retriever(
        folder
    ) as retriever:  # on other documents, asked as a user asks: each finds itself, and nine more
        ours = retriever.run({str(row): vectors[row] for row in range(300)})
        exact = retriever.run({str(row): vectors[row] for row in range(300)}, funnel="32:10")
    shared = [len({d.id for d in ours.ranking[q]} & {d.id for d in exact.ranking[q]}) / 10 for q in ours.ranking]
    assert np.mean(shared) > 0.88


def test_probes_are_tuned_too_and_the_reader_honours_them(corpus, tmp_path):
    folder = built(corpus, tmp_path, prefix="IVF16,PQ8x4fsr")
    found = tune(folder, Wish(0.8, others=False), asked=200)
    by_cells = [point for point in found.points if point.probes is not None]
    assert by_cells
    store_tuned(
        folder, read_manifest(folder)[0], "8:50,32:10", dataclasses.replace(read_manifest(folder)[0].tuned, probes=3)
    )
    index = open_index(folder)
    assert index.vectors._prefixes._cells.probes == 3
    index.close()


def test_others_are_tried_and_a_build_is_named_for_one_that_is_faster(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(
        import_module("mrl_search.tuning.wish"), "_FASTER", 0.0
    )  # so that the fastest other is always named
    found = tune(built(corpus, tmp_path), Wish(0.9), asked=100, store=False)
    assert found.better is not None
    assert found.build.startswith(f"mrl-search build CORPUS --index {tmp_path / 'i'} --vectors FILE.npy --dims ")
    assert "another index would be faster" in tuning_table(found)


def test_nothing_is_stored_where_no_funnel_is_fast_enough(corpus, tmp_path):
    folder = built(corpus, tmp_path)
    before = read_manifest(folder)
    found = tune(folder, Wish(0.9, p95_ms=1e-6, others=False), asked=50)
    assert found.chosen is None
    assert found.nearest is not None
    assert "no funnel of this index meets all of that; the nearest is " in tuning_table(found)
    assert read_manifest(folder) == before


def test_a_tuning_is_json_and_back_and_a_picture(corpus, tmp_path):
    pytest.importorskip("matplotlib")
    found = tune(built(corpus, tmp_path), Wish(0.9, others=False), asked=50, store=False)
    assert Tuning.from_json(found.to_json(), "here") == found
    plot_tuning(found, tmp_path / "front.svg")
    assert "<svg" in (tmp_path / "front.svg").read_text()
    assert json.loads(found.to_json())["documents"] == 2_000


def test_an_index_of_one_width_is_searched_exactly(corpus, tmp_path):
    np.save(tmp_path / "v.npy", planted(32, (8,), 1.5, rows=300))
    source = corpus(*({"_id": str(row), "text": "x"} for row in range(300)))
    folder = build(source, tmp_path / "i", dims=(32,), options=BuildOptions(vectors=tmp_path / "v.npy"))
    found = tune(folder, Wish(0.99), asked=30)
    assert found.chosen.funnel == "32:10"
    assert found.chosen.recall.value == 1
    assert found.ahead is None


def test_that_nothing_is_ever_lost_only_comparing_everything_can_promise(corpus, tmp_path):
    found = tune(built(corpus, tmp_path), Wish(1, others=False), asked=50, store=False)
    assert (found.chosen.funnel, found.chosen.recall.low) == ("32:10", 1)


def test_prefixes_take_their_ram_whether_a_funnel_begins_with_them_or_not(corpus, tmp_path):
    found = tune(built(corpus, tmp_path), Wish(0.9, ram_bytes=1_000, others=False), asked=50)
    assert found.chosen is None
    assert {point.ram_bytes_per_document for point in found.points} == {32}  # 8 dims of 4 bytes


def test_more_answers_are_looked_for_among_more_candidates(corpus, tmp_path):
    found = tune(built(corpus, tmp_path), Wish(0.9, k=300, others=False), asked=50, store=False)
    assert found.chosen.funnel.startswith("8:")


def test_an_index_that_was_replaced_meanwhile_is_not_touched(corpus, tmp_path):
    folder = built(corpus, tmp_path)
    tune(folder, Wish(0.9, others=False), asked=50)
    manifest, _ = read_manifest(folder)
    with pytest.raises(IndexStoreError, match="was replaced while it was tuned; tune it again"):
        store_tuned(folder, dataclasses.replace(manifest, name="another"), "8:20,32:10", manifest.tuned)


def test_wishes_that_cannot_be_are_errors(corpus, tmp_path):
    with pytest.raises(FunnelError, match="a recall lies between 0 and 1, found 99"):
        Wish(99)
    folder = built(corpus, tmp_path)
    with pytest.raises(FunnelError, match="asked for 2000 answers of 2000 documents"):
        tune(folder, Wish(k=2_000), asked=30)
    with pytest.raises(FunnelError, match="5 queries cannot tell a recall; give at least 20"):
        tune(folder, Wish(), asked=5)

"""Prefixes in codes, in shards: they only find rows, and every score is the vectors', whatever shard a row lies in."""

import json

import numpy as np
import pytest

import mrl_search
from mrl_search.funnel import Funnel
from mrl_search.hits import unscored
from mrl_search.indexes import chosen_codec
from mrl_search.scale import add_to_cluster, build_cluster, delete_from_cluster, open_cluster, read_cluster, split_shard

COUNT, WIDE = 3_000, 64
CODES = ["SQ8", "SQ4", "RaBitQ", "PQ16x4fs", "IVF16,PQ16x4fsr,Refine(SQ4)"]
STAGES = Funnel.parse("32:60,64:10").stages


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """(folder, corpus, vectors): clustered ones, as embeddings are; each comes with a copy of it, which ties."""
    folder = tmp_path_factory.mktemp("codes")
    random = np.random.default_rng(4)
    centres = random.standard_normal((20, WIDE))
    rows = centres[random.integers(20, size=COUNT // 2)] + 0.7 * random.standard_normal((COUNT // 2, WIDE))
    rows = np.concatenate([rows, rows]).astype(np.float32) * 0.9 ** np.arange(WIDE, dtype=np.float32)
    np.save(folder / "v.npy", rows)
    corpus = folder / "c.jsonl"
    corpus.write_text("".join(json.dumps({"_id": f"d{n}", "text": ""}) + "\n" for n in range(COUNT)))
    return folder, corpus, rows


def built(given, prefix, shards=3):
    """(one index, a cluster) with that codec."""
    folder, corpus, _ = given
    options = mrl_search.BuildOptions(vectors=folder / "v.npy", prefix=prefix, rotation="pca")
    name = prefix.replace(",", "-")
    if not (folder / f"one-{name}").exists():
        mrl_search.build(corpus, folder / f"one-{name}", dims=(32, WIDE), options=options)
    cluster = folder / f"cluster-{name}"
    if not cluster.exists():
        build_cluster(corpus, cluster, shards=shards, dims=(32, WIDE), options=options)
    return folder / f"one-{name}", cluster


@pytest.mark.parametrize("prefix", CODES)
def test_each_stage_scores_what_it_finds_as_one_index_would_bit_for_bit(given, prefix):
    queries = given[2][:60]
    exact, _ = built(given, "Flat")
    alone, folder = built(given, prefix)
    with mrl_search.open(exact) as true, mrl_search.open(alone) as one, open_cluster(folder) as several:
        turned = several.checked_queries(queries)
        first = several.index().shortlist(turned, STAGES[0])
        last = several.index().rerank(turned, first, STAGES[1])
        for stage, hits in zip(STAGES, (first, last), strict=True):
            wanted = true.index().rerank(turned, unscored(hits.rows), stage)
            assert (wanted.rows == hits.rows).all() and (wanted.scores == hits.scores).all()
        plan = true.plan(10, guarantee="exact", funnel="32:60,64:10")
        best = true.hits(queries, plan).rows
        found = one.hits(queries, one.plan(10, funnel="32:60,64:10")).rows
        recalls = [
            np.mean([len({*a} & {*b}) / 10 for a, b in zip(best, rows, strict=True)]) for rows in (found, last.rows)
        ]
        assert recalls[1] > min(0.9, recalls[0] - 0.02), recalls
        proven = several.hits(queries, several.plan(10, guarantee="exact", funnel="32:60,64:10"))
        assert (proven.rows == best).all()


def test_auto_is_by_the_size_of_a_shard(given, monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.codecs._WORTH_CODES", 2_000)
    folder, corpus, _ = given
    options = mrl_search.BuildOptions(vectors=folder / "v.npy", rotation="pca")
    assert chosen_codec(COUNT, 32).factory == "PQ32x4fs"
    made = build_cluster(corpus, folder / "auto", shards=3, dims=(32, WIDE), options=options)
    assert read_cluster(made).manifest.prefix == "Flat"  # of 1,000 documents each


@pytest.mark.parametrize("prefix", ["SQ8", "RaBitQ"])
def test_codes_of_shards_that_change_find_what_is_there(given, prefix, tmp_path):
    import shutil

    folder = shutil.copytree(built(given, prefix)[1], tmp_path / "own")
    vectors = given[2][:40] + np.float32(0.001)
    np.save(tmp_path / "more.npy", vectors)
    more = tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps({"_id": f"n{n}", "text": ""}) + "\n" for n in range(40)))
    add_to_cluster(folder, more, options=mrl_search.AddOptions(vectors=tmp_path / "more.npy"))
    delete_from_cluster(folder, [f"d{n}" for n in range(40)])
    split_shard(folder, "s0")
    with open_cluster(folder) as several:
        found = several.search_vectors(vectors, 2, "32:60,64:10")
        assert [one[0].id for one in found] == [f"n{n}" for n in range(40)]
        assert [one[1].id for one in found] == [f"d{n + COUNT // 2}" for n in range(40)]

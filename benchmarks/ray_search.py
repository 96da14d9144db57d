"""What asking shards by Ray costs: equality with one index at every stage, time of a query, throughput of batches.

    python benchmarks/ray_search.py --n 200000 --folder FOLDER --json out.json

Sentences of minilm-768 that benchmarks/search has encoded, given as vectors. Four shards, on two Ray nodes of one core
each on this machine, one actor a shard with one thread. Beside them the same four shards in this process, and one index
of all documents, each on as many threads as there are cores. Texts are not read. Times go to --json for ray_tail.py.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ray_demands import demands
from search.data import DIM, ENCODER, QUERIES, cache_folder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "scale"))
from ray_nodes import ray_nodes

import mrl_search
from mrl_search.funnel import Funnel
from mrl_search.hits import merge
from mrl_search.provenance import commit, machine
from mrl_search.retriever import search
from mrl_search.scale import build_cluster, is_cluster, open_cluster

SINGLE, BATCH = 400, 256


def built(folder: Path, n: int, prefix: str, shards: int, *, with_cluster: bool = True):
    """(one index, a cluster) of the first n sentences; kept.

    The queries are not among them, unless n is nearly all there are: of 800,000 documents 717 are queries, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.memmap(cache_folder() / f"sentences-{ENCODER}.f32", np.float32, "r").reshape(-1, DIM)
    corpus, vectors = folder / f"{n}.txt", folder / f"{n}.npy"
    if not vectors.is_file():
        corpus.write_text("".join(f"sentence {number}\n" for number in range(n)))
        first = min(QUERIES, len(rows) - n)
        np.save(vectors, rows[first : first + n])
    one, several = folder / f"one-{n}-{prefix}", folder / f"cluster-{n}-{prefix}-{shards}"
    options = mrl_search.BuildOptions(vectors=vectors, rotation="pca", prefix=prefix, force=True)
    told = {}
    if not one.is_dir():
        start = time.perf_counter()
        mrl_search.build(corpus, one, dims=(128, DIM), options=options)
        told["build_one_seconds"] = round(time.perf_counter() - start, 1)
    if with_cluster and not is_cluster(several):
        start = time.perf_counter()
        build_cluster(corpus, several, shards=shards, dims=(128, DIM), options=options)
        told["build_cluster_seconds"] = round(time.perf_counter() - start, 1)
    return one, several, np.array(rows[:QUERIES]), told


def by_stages(retriever, queries):
    """The hits after each stage."""
    index = retriever.index()
    first, *rest = retriever.funnel.stages
    found = [index.shortlist(queries, first)]
    for stage in rest:
        found.append(index.rerank(queries, found[-1], stage))
    return found


def equal(one, several, queries):
    """Of each stage the share of queries whose rows and scores are the same, bit for bit."""
    found = []
    for a, b in zip(by_stages(one, queries), by_stages(several, queries), strict=True):
        same = (a.rows == b.rows).all(axis=1) & (a.scores == b.scores).all(axis=1)
        found.append(float(same.mean()))
    return found


def single_ms(retriever, queries):
    """Milliseconds of each single query, after some to warm up."""
    index, funnel, taken = retriever.index(), retriever.funnel, []
    for query in [*range(40), *range(SINGLE)]:
        start = time.perf_counter()
        search(index, queries[query : query + 1], funnel)
        taken.append(1000 * (time.perf_counter() - start))
    return taken[40:]


def batched(retriever, queries, seconds=6.0):
    """Queries a second, in batches, one after the other."""
    index, funnel, count, turn = retriever.index(), retriever.funnel, 0, 0
    search(index, queries[:BATCH], funnel)
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        first = (turn * BATCH) % (len(queries) - BATCH)
        search(index, queries[first : first + BATCH], funnel)
        count, turn = count + BATCH, turn + 1
    return count / (time.perf_counter() - start)


def shard_ms(shards, queries, funnel):
    """Of each stage the milliseconds of every shard and query, here and on one thread."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    found = [[] for _ in funnel.stages]
    for query in range(len(queries)):
        one, hits = queries[query : query + 1], None
        for stage, taken in zip(funnel.stages, found, strict=True):
            parts = []
            for shard in shards.shards.values():
                start = time.perf_counter()
                part = shard.shortlist(one, stage) if hits is None else shard.rerank(one, hits, stage)
                taken.append(1000 * (time.perf_counter() - start))
                parts.append(part)
            hits = merge(parts, stage.k)
    faiss.omp_set_num_threads(threads)
    return found


def measured(name, retriever, queries, told):
    turned = retriever.checked_queries(queries)
    taken = single_ms(retriever, turned)
    p50, p95, p99 = np.percentile(taken, [50, 95, 99])
    told[name] = {
        "single_ms_p50_p95_p99": [round(float(value), 3) for value in (p50, p95, p99)],
        "batched_queries_per_second": round(batched(retriever, turned), 1),
    }
    print(name, told[name], flush=True)
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--prefix", default="Flat")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    from mrl_search.scale.ray_shards import RayOptions, ray_transport

    one, several, queries, told = built(given.folder, given.n, given.prefix, given.shards)
    sizes = {"n": given.n, "prefix": given.prefix, "shards": given.shards, "nodes": given.nodes}
    told |= {**sizes, "cores": os.cpu_count(), "machine": machine(), "commit": commit()}
    with mrl_search.open(one) as alone:
        told["funnel"] = str(Funnel.parse(alone.stored.manifest.funnel))
        taken = {"one": measured("one index", alone, queries, told)}
        with open_cluster(several) as local:
            taken["local"] = measured("local shards", local, queries, told)
            turned = alone.checked_queries(queries[:SINGLE])
            told["shard_ms"] = shard_ms(local.stored._shards, turned, local.funnel)
            told["local equal at each stage"] = equal(alone, local, alone.checked_queries(queries))
        with (
            ray_nodes(given.nodes) as _,
            open_cluster(several, transport=ray_transport("auto", RayOptions())) as remote,
        ):
            taken["ray"] = measured("Ray actors", remote, queries, told)
            found, told["found"] = demands(remote, remote.checked_queries(queries), told["shard_ms"])
            told["demands"] = asdict(found)
            told["Ray equal at each stage"] = equal(alone, remote, alone.checked_queries(queries))
            told["queries compared"] = len(queries)
    rates = {name: told[name]["batched_queries_per_second"] for name in ("one index", "local shards", "Ray actors")}
    for name in ("one index", "local shards"):
        told[f"batches by Ray, percent of {name}"] = round(100 * rates["Ray actors"] / rates[name], 1)
    shown = {name: value for name, value in told.items() if name not in ("shard_ms", "demands")}
    print(json.dumps(shown, indent=1))
    if given.json is not None:
        given.json.write_text(json.dumps({**told, "taken_ms": taken}))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    main()

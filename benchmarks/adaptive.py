"""Adaptive retrieval (Kusupati et al. 2022, §4.3: 16 → 2,048 dims, 128× fewer multiply-adds, 14× measured) for text.

    python benchmarks/adaptive.py --n 10000,50000,200000,800000

The sentences of search_speed.py, minilm-768 in learned axes; one thread, single queries, p50 of 500. Each kind of
search at full width, exactly and in HNSW32, beside the funnel that begins with the same kind at 64 or 128 dims, and
ours as a build sets it up: recall@10 of exact full width, multiply-adds in theory where they can be counted, and how
many times as fast it is as the same kind at full width. HNSW's width of search is the least that gives the recall
asked for; the funnels' candidates too. HNSW at full width is left out above --hnsw documents, whose graph takes long.
"""

import argparse
import time
from pathlib import Path

import faiss
import numpy as np
from search.data import K, sentences

from mrl_search.funnel import Funnel
from mrl_search.indexes import AUTO, Codec, StoredVectors, VectorIndex, build_prefix, chosen_codec, sketched
from mrl_search.provenance import commit, machine
from mrl_search.retriever import search
from mrl_search.rotations import fit
from mrl_search.sampling import drawn

TIMED = 500
CANDIDATES = (10, 25, 50, 100, 200, 400, 800)
WIDTHS = (16, 32, 64, 128, 256, 512)


def measured(answer, queries, truth):
    """(recall, p50 in µs) of answering one query after another."""
    taken, held = [], 0
    for number, query in enumerate(queries):
        start = time.perf_counter()
        rows = answer(query[None])
        taken.append(1e6 * (time.perf_counter() - start))
        held += np.isin(truth[number], rows[0][:K]).sum()
    return held / truth[: len(queries)].size, float(np.median(taken))


def least(settings, make, queries, truth, wanted):
    """(setting, recall, µs) of the first that reaches the recall, or of the last."""
    for setting in settings:
        recall, microseconds = measured(make(setting), queries, truth)
        if recall >= wanted:
            break
    return setting, recall, microseconds


def rows_of(data, wanted, with_graph):
    """(name, setting, recall, multiply-adds or None, µs, of what it is to be faster) of every kind."""
    documents, queries, truth = data.documents, data.queries[:TIMED], data.truth[:TIMED]
    n, dim = documents.shape
    rotation = fit("learned", documents[drawn(n)], [64, 128], ()).rotation
    turned = np.ascontiguousarray(rotation.apply(documents))
    stored = StoredVectors(turned, "float32")

    flat = faiss.IndexFlatIP(dim)
    flat.add(documents)
    recall, exact_us = measured(lambda query: flat.search(query, K)[1], queries, truth)
    yield f"exact, {dim}", "", recall, n * dim, exact_us, exact_us
    for width in (64, 128):
        index = VectorIndex(stored, build_prefix(stored, width, Codec("Flat")))
        yield funnelled(f"exact, {width} → {dim}", index, width, rotation, queries, truth, wanted, exact_us)
    codec = chosen_codec(n, 128)
    if codec != Codec("Flat"):
        index = VectorIndex(stored, build_prefix(stored, 128, codec), sketched(stored) if codec.is_refined else None)
        name = f"{AUTO} ({codec.factory}), 128 → {dim}"
        yield funnelled(name, index, 128, rotation, queries, truth, wanted, exact_us, counted=False)
    if not with_graph:
        return
    graph = faiss.index_factory(dim, "HNSW32,Flat", faiss.METRIC_INNER_PRODUCT)
    graph.add(documents)

    def walk(width):
        parameters = faiss.SearchParametersHNSW(efSearch=width)
        return lambda query: graph.search(query, K, params=parameters)[1]

    setting, recall, graph_us = least(WIDTHS, walk, queries, truth, wanted)
    yield f"HNSW32, {dim}", f"efSearch {setting}", recall, None, graph_us, graph_us
    for width in (64, 128):
        index = VectorIndex(stored, build_prefix(stored, width, Codec("HNSW32,Flat")))
        name = f"HNSW32, {width} → {dim}"
        yield funnelled(name, index, width, rotation, queries, truth, wanted, graph_us, counted=False)


def funnelled(name, index, width, rotation, queries, truth, wanted, beside, *, counted=True):
    def walk(candidates):
        funnel = Funnel.parse(f"{width}:{candidates},{index.dim}:{K}")
        return lambda query: search(index, rotation.apply(query), funnel).rows

    setting, recall, microseconds = least(CANDIDATES, walk, queries, truth, wanted)
    macs = Funnel.parse(f"{width}:{setting},{index.dim}:{K}").macs(len(index)) + rotation.macs if counted else None
    return name, f"{setting} candidates", recall, macs, microseconds, beside


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=lambda text: [int(part) for part in text.split(",")], default=[10_000, 50_000])
    parser.add_argument("--sentences", type=Path, default=Path("../shared/data/sentences/sentences.txt.gz"))
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--hnsw", type=int, default=200_000)
    told = parser.parse_args()
    faiss.omp_set_num_threads(1)
    print(f"{machine()}, commit {commit()}, recall@{K} ≥ {told.recall}")
    for n in told.n:
        faiss.omp_set_num_threads(2)
        data = sentences(n, told.sentences)
        count = len(data.documents)
        print(f"\n{count:,} documents\n{'':<50}{'':<16}{'recall':>8}{'theory':>9}{'µs':>9}{'measured':>10}")
        faiss.omp_set_num_threads(1)
        for name, setting, recall, macs, microseconds, beside in rows_of(data, told.recall, count <= told.hnsw):
            theory = f"{count * data.documents.shape[1] / macs:.1f}×" if macs else "–"
            measured_ratio = f"{beside / microseconds:.1f}×"
            print(f"{name:<50}{setting:<16}{recall:8.4f}{theory:>9}{microseconds:9.0f}{measured_ratio:>10}", flush=True)


if __name__ == "__main__":
    main()

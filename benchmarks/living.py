"""What living costs: upserts a second, searches over segments, deleted rows and filters, compaction.

    python benchmarks/living.py --n 50000 --index FOLDER

Sentences of minilm-768 that benchmarks/search has encoded, given as vectors, so nothing is encoded. Searches are single
queries by the index's default funnel, median of 300 in one thread, no texts read; every one is of other sentences.
"""

import argparse
import json
import time
from pathlib import Path

import faiss
import numpy as np
from search.data import DIM, ENCODER, cache_folder

import mrl_search
from mrl_search.funnel import Funnel, Stage
from mrl_search.indexes import merging, open_index
from mrl_search.living import AddOptions
from mrl_search.provenance import commit, machine
from mrl_search.retriever import search

QUERIES, MORE = 300, 10_000


class Bench:
    """An index of the first n sentences and what is added to it."""

    def __init__(self, folder: Path, vectors: np.ndarray, n: int) -> None:
        self.folder, self.vectors, self.n = folder, vectors, n
        folder.mkdir(parents=True, exist_ok=True)
        self.index = folder / "index"

    def files(self, ids, rows):
        """Ids and vectors on disk, as `build` and `add` take them."""
        (self.folder / "ids.txt").write_text("".join(f"{one}\n" for one in ids))
        np.save(self.folder / "vectors.npy", self.vectors[rows])
        return f"ids:{self.folder / 'ids.txt'}", self.folder / "vectors.npy"

    def build(self):
        ids, vectors = self.files(range(self.n), slice(0, self.n))
        options = mrl_search.BuildOptions(vectors=vectors, rotation="pca", force=True)
        mrl_search.build(ids, self.index, dims=(128, 768), options=options)

    def add(self, ids, rows):
        """Seconds."""
        corpus, vectors = self.files(ids, rows)
        start = time.perf_counter()
        mrl_search.add(self.index, corpus, options=AddOptions(vectors=vectors))
        return time.perf_counter() - start

    def search_ms(self):
        stored = open_index(self.index)
        queries = stored.turned(self.vectors[-QUERIES:])
        funnel, taken = Funnel.parse(stored.manifest.funnel), []
        for query in [*range(20), *range(QUERIES)]:
            start = time.perf_counter()
            search(stored.vectors, queries[query : query + 1], funnel)
            taken.append(time.perf_counter() - start)
        stored.close()
        return round(1000 * float(np.median(taken[20:])), 3)


def filtered(bench):
    """Recall@10 and ms of the default funnel among random shares of the documents, by a mask as a filter makes it."""
    stored = open_index(bench.index)
    queries, funnel = stored.turned(bench.vectors[-QUERIES:]), Funnel.parse(stored.manifest.funnel)
    found = {}
    for share in (1, 0.5, 0.05, 0.005, 0.0005):
        index = stored.vectors.among(np.random.default_rng(1).random(bench.n) < share)
        taken, rows = [], []
        for query in range(QUERIES):
            start = time.perf_counter()
            rows.append(search(index, queries[query : query + 1], funnel).rows[0])
            taken.append(time.perf_counter() - start)
        true = index.shortlist(queries, Stage(768, 10)).rows
        both = zip(np.array(rows).tolist(), true.tolist(), strict=True)
        kept = [len(set(one) & set(other)) / 10 for one, other in both]
        recall, ms = float(np.mean(kept)), 1000 * float(np.median(taken))
        found[f"{share:.2%}"] = {"recall": round(recall, 4), "ms": round(ms, 3)}
    stored.close()
    return found


def upserts(bench):
    """Documents a second, added so many a commit; half of them replace others."""
    found = {}
    for size, times in ((1, 20), (100, 10), (1_000, 5)):
        seconds = 0.0
        for turn in range(times):
            first = bench.n + turn * size
            ids = [one if one % 2 else one - bench.n for one in range(first, first + size)]
            seconds += bench.add(ids, slice(first, first + size))
        found[size] = round(size * times / seconds, 1)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--index", type=Path, required=True)
    told = parser.parse_args()
    faiss.omp_set_num_threads(1)
    count = told.n + MORE + QUERIES
    vectors = np.fromfile(cache_folder() / f"sentences-{ENCODER}.f32", np.float32, count=count * DIM)
    bench = Bench(told.index, vectors.reshape(count, DIM), told.n)
    bench.build()
    result = {"n": told.n, "commit": commit(), "machine": machine(), "search_ms": {"1 segment": bench.search_ms()}}
    result["filtered"] = filtered(bench)
    for share in (0.01, 0.1, 0.5):
        drawn = np.random.default_rng(0).permutation(told.n)[: int(share * told.n)]
        mrl_search.delete(bench.index, [str(one) for one in drawn])
        result["search_ms"][f"1 segment, {share:.0%} deleted"] = bench.search_ms()
    start = time.perf_counter()
    mrl_search.compact(bench.index)
    result["compact_s"] = round(time.perf_counter() - start, 2)
    bench.build()
    result["upserts_per_second"] = upserts(bench)
    bench.build()
    policy, (merging._SMALL, merging._LARGEST) = (merging._SMALL, merging._LARGEST), (-1, 0)
    for segments in range(2, 51):
        first = told.n + 200 * (segments - 2)
        bench.add(range(first, first + 200), slice(first, first + 200))
        if segments in (2, 10, 50):
            result["search_ms"][f"{segments} segments, all but the first of 200"] = bench.search_ms()
    merging._SMALL, merging._LARGEST = policy
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

"""What living costs: upserts a second, searches over segments, deleted rows and filters, compaction.

    python benchmarks/living.py --n 50000 --index FOLDER

Sentences of minilm-768 that benchmarks/search has encoded, given as vectors, so nothing is encoded; each has a number
between 0 and 1 as its metadata, by which filters choose. Searches are single queries by the index's default funnel,
median of 300 in one thread, no texts read; every one is of other sentences.
"""

import argparse
import json
import time
from pathlib import Path

import faiss
import numpy as np
from search.data import DIM, ENCODER, cache_folder
from threadpoolctl import threadpool_limits

import mrl_search
from mrl_search.funnel import Funnel, Stage
from mrl_search.indexes import merging, open_index
from mrl_search.living import AddOptions
from mrl_search.provenance import commit, machine
from mrl_search.retriever import search

QUERIES, MORE = 300, 10_000
SHARES = (1, 0.5, 0.05, 0.005, 0.0005)


class Bench:
    """An index of the first n sentences and what is added to it."""

    def __init__(self, folder: Path, vectors: np.ndarray, n: int) -> None:
        self.folder, self.vectors, self.n = folder, vectors, n
        folder.mkdir(parents=True, exist_ok=True)
        self.index = folder / "index"

    def files(self, ids, rows):
        """Documents and vectors on disk, as `build` and `add` take them."""
        shares = np.random.default_rng(1).random(len(ids)).tolist()
        records = ({"_id": str(one), "text": "", "share": share} for one, share in zip(ids, shares, strict=True))
        with (self.folder / "corpus.jsonl").open("w") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
        np.save(self.folder / "vectors.npy", self.vectors[rows])
        return self.folder / "corpus.jsonl", self.folder / "vectors.npy"

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
    """Recall@10 and ms among random shares of the documents, and ms that the filter itself takes, the first time."""
    stored, found = open_index(bench.index), {}
    queries = stored.turned(bench.vectors[-QUERIES:])
    for share in SHARES:
        start = time.perf_counter()
        index = stored.among(f"share < {share}")
        first = time.perf_counter() - start
        found[f"{share:.2%}"] = recall_and_ms(stored, [(query, index) for query in queries])
        found[f"{share:.2%}"] |= {"first_ms": round(1000 * first, 1)}
    stored.close()
    return found


def correlated(bench):
    """The same where a filter passes just the documents that are nearest to each query, or farthest from it."""
    stored, found = open_index(bench.index), {}
    queries = stored.turned(bench.vectors[-QUERIES:])[:100]
    cosines = stored.vectors.stored.data @ queries.T  # (n, 100)
    for share in SHARES[1:]:
        count = int(share * bench.n)
        for name, sign in (("nearest", -1), ("farthest", 1)):
            pairs = []
            for place, query in enumerate(queries):
                live = np.zeros(bench.n, np.bool_)
                live[np.argpartition(sign * cosines[:, place], count)[:count]] = True
                pairs.append((query, live))
            found[f"{name} {share:.2%}"] = recall_and_ms(stored, pairs)
    stored.close()
    return found


def recall_and_ms(stored, pairs):
    """Of pairs of a query and what is searched, an index or a mask of its rows; p50 and p95 of a search."""
    funnel, taken, kept = Funnel.parse(stored.manifest.funnel), [], []
    for query, among in pairs:
        index = stored.vectors.among(among) if isinstance(among, np.ndarray) else among
        start = time.perf_counter()
        rows = search(index, query[None], funnel).rows[0]
        taken.append(1000 * (time.perf_counter() - start))
        true = {row for row in index.shortlist(query[None], Stage(DIM, 10)).rows[0].tolist() if row >= 0}
        kept.append(len(true & set(rows.tolist())) / len(true))
    p50, p95 = np.percentile(taken, [50, 95])
    return {"recall": round(float(np.mean(kept)), 4), "ms_p50_p95": [round(float(p50), 3), round(float(p95), 3)]}


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
    threadpool_limits(1, "blas")
    count = told.n + MORE + QUERIES
    vectors = np.fromfile(cache_folder() / f"sentences-{ENCODER}.f32", np.float32, count=count * DIM)
    bench = Bench(told.index, vectors.reshape(count, DIM), told.n)
    bench.build()
    result = {"n": told.n, "commit": commit(), "machine": machine(), "search_ms": {"1 segment": bench.search_ms()}}
    result |= {"filtered": filtered(bench), "correlated": correlated(bench)}
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

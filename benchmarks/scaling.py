"""Cost against size: codecs of the prefix index from 50,000 documents on, at equal recall, and the fitted exponent.

    python benchmarks/scaling.py --n 50000,100000,200000,400000,800000

One thread, single queries, the sentences of search_speed.py, learned rotation, a prefix of 128 dims. For each size
and codec: the fastest setting (cells looked into, candidates) that reaches the recall.
"""

import argparse
import tempfile
import time
from itertools import product
from pathlib import Path

import faiss
import numpy as np
from search.data import cache_folder, sentences

from mrl_search.funnel import Funnel
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix, sketched
from mrl_search.provenance import commit, machine
from mrl_search.retriever import search
from mrl_search.rotations import fit
from mrl_search.sampling import drawn

DIM, K, TIMED = 128, 10, 500
SHORTLISTS = (50, 75, 100, 150, 200, 300, 400)


def codecs(count):
    cells = 2 ** round(np.log2(2 * np.sqrt(count)))
    return {
        "Flat": Codec("Flat"),
        "SQ8": Codec("SQ8"),
        "PQ64x4fs": Codec("PQ64x4fs"),
        "in cells": Codec(f"IVF{cells},PQ64x4fsr"),
        "refined": Codec(f"IVF{cells},PQ32x4fsr,Refine(SQ4)"),
        "HNSW32,SQ8": Codec("HNSW32,SQ8"),
        "RaBitQfs4": Codec("RaBitQfs4"),
    }


def fastest(index, data, rotation, wanted):
    """(µs, recall, setting) of the fastest setting that reaches the recall; None if none does.

    Of each number of cells, the fewest candidates that do.
    """
    queries, truth = data.queries[:TIMED], data.truth[:TIMED]
    probes = [round(index.cells * part) for part in (0.12, 0.16, 0.2, 0.25, 0.33, 0.5)] if index.cells > 1 else [1]
    found = []
    for cells, shortlist in product(probes, SHORTLISTS):
        asked, funnel = index.with_probes(cells), Funnel.parse(f"{DIM}:{shortlist},{index.dim}:{K}")
        rows = search(asked, rotation.apply(queries), funnel).rows
        recall = np.mean([np.isin(top, found).mean() for top, found in zip(truth, rows, strict=True)])
        if recall >= wanted and not any(shortlist >= other for _, _, _, other in found):
            taken = []
            for query in queries:
                start = time.perf_counter()
                search(asked, rotation.apply(query[None]), funnel)
                taken.append(time.perf_counter() - start)
            setting = f"{cells} cells, {funnel}" if index.cells > 1 else str(funnel)
            found.append((1e6 * np.median(taken), recall, setting, shortlist))
    return min(found)[:3] if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", default="50000,100000,200000,400000", help="sizes")
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--only", help="some of " + ", ".join(codecs(1)))
    parser.add_argument("--sentences", type=Path, default=Path("../shared/data/sentences/sentences.txt.gz"))
    told = parser.parse_args()
    print(f"{machine()}, commit {commit()}; recall@{K} ≥ {told.recall}, one thread, p50 of {TIMED} queries", flush=True)
    costs = {}
    for size in map(int, told.n.split(",")):
        faiss.omp_set_num_threads(2)
        data = sentences(size, told.sentences)
        rotation = fit("learned", data.documents[drawn(len(data.documents))], (DIM,)).rotation
        with tempfile.NamedTemporaryFile(dir=cache_folder()) as file:
            rows = np.memmap(file, np.float32, "w+", shape=data.documents.shape)
            for start in range(0, len(rows), 65_536):
                rows[start : start + 65_536] = rotation.apply(data.documents[start : start + 65_536])
            stored = StoredVectors(rows, "float32")
            for name, codec in codecs(size).items():
                if told.only and name not in told.only.split(","):
                    continue
                faiss.omp_set_num_threads(2)
                start = time.perf_counter()
                prefixes = build_prefix(stored, DIM, codec)
                built = time.perf_counter() - start
                faiss.omp_set_num_threads(1)
                sketches = sketched(stored) if codec.is_refined else None
                found = fastest(VectorIndex(stored, prefixes, sketches), data, rotation, told.recall)
                told_of = f"{found[0]:7.0f} µs, recall {found[1]:.4f}, {found[2]}" if found else "not reached"
                ram = prefixes.nbytes / len(rows)
                print(f"{len(rows):>8,} {name:<14} {told_of}; built in {built:.1f} s, {ram:.0f} B/doc", flush=True)
                if found:
                    costs.setdefault(name, []).append((len(rows), found[0]))
    for name, points in costs.items():
        if len(points) > 1:
            exponent, _ = np.polyfit(*np.log(np.array(points)).T, 1)
            print(f"{name:<14} grows as N^{exponent:.2f}")


if __name__ == "__main__":
    main()

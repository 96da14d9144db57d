"""What a rotation is worth: the share of the exact top 10 among the first S by prefix, for every kind.

    python benchmarks/rotation.py --n 290000

Over the sentences of benchmarks/search_speed.py, or --vectors; fitted to 50,000 documents, as a build does.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from search.data import own_vectors, sentences

from mrl_search.provenance import commit, machine
from mrl_search.rotations import fit
from mrl_search.sampling import drawn
from mrl_search.vectors import prefix

CANDIDATES = (50, 100, 200, 500, 1000)


def shares(data, matrix, dim):
    import faiss

    axes = matrix[:dim].T
    documents, queries = prefix(data.documents @ axes, dim), prefix(data.queries @ axes, dim)
    _, found = faiss.knn(queries, documents, max(CANDIDATES), metric=faiss.METRIC_INNER_PRODUCT)
    return [
        np.mean([np.isin(top, rows[:many]).mean() for top, rows in zip(data.truth, found, strict=True)])
        for many in CANDIDATES
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--sentences", type=Path, default=Path("../shared/data/sentences/sentences.txt.gz"))
    parser.add_argument("--vectors", type=Path)
    told = parser.parse_args()
    data = own_vectors(told.n, told.vectors) if told.vectors else sentences(told.n, told.sentences)
    count, full = data.documents.shape
    print(f"{count:,} × {full} ({data.name}), {machine()}, commit {commit()}")
    print(f"{'kind':<10}{'fitted in':>10} {'dims':>5}" + "".join(f"{f'S={many}':>8}" for many in CANDIDATES))
    sample = data.documents[drawn(count)]
    for kind in ("none", "pca", "learned"):
        start = time.perf_counter()
        rotation = fit(kind, sample, (128,)).rotation
        seconds = time.perf_counter() - start
        matrix = np.eye(full, dtype=np.float32) if rotation is None else rotation.matrix
        for dim in (64, 128):
            found = "".join(f"{share:8.3f}" for share in shares(data, matrix, dim))
            print(f"{kind:<10}{seconds:8.1f} s {dim:>5}{found}", flush=True)


if __name__ == "__main__":
    main()

"""What a rerank that looks at 4-bit sketches first loses, and how many vectors it still reads whole.

    python benchmarks/sketches.py --n 100000

The hardest case: of each query, its `--shortlist` nearest documents by exact cosines, at the first 128, 384 and 768
dims as they come. How many of them the sketches leave, and the share of the k best that is among those.
"""

import argparse
from pathlib import Path

import numpy as np
from search.data import sentences

from mrl_search.hits import best
from mrl_search.indexes import StoredVectors, sketched
from mrl_search.provenance import commit, machine
from mrl_search.vectors import prefix

DIMS, KS = (128, 384, 768), (1, 10, 50)
_QUERIES = 100  # compared with all documents at a time


def nearest(documents, queries, k):
    """(q, k): the rows of the nearest documents by exact cosines, best first."""
    found = []
    for start in range(0, len(queries), _QUERIES):
        scores = queries[start : start + _QUERIES] @ documents.T
        rows = np.argpartition(-scores, k, axis=1)[:, :k]
        found.append(best(np.take_along_axis(scores, rows, axis=1), rows, k).rows)
    return np.concatenate(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--shortlist", type=int, default=200)
    parser.add_argument("--sentences", type=Path, default=Path("../shared/data/sentences/sentences.txt.gz"))
    told = parser.parse_args()
    data = sentences(told.n, told.sentences)
    print(f"{machine()}, commit {commit()}; {len(data.documents):,} documents, shortlists of {told.shortlist}")
    for dim in DIMS:
        stored, queries = StoredVectors(prefix(data.documents, dim), "float32"), prefix(data.queries, dim)
        rows, sketches = nearest(stored.data, queries, told.shortlist), sketched(stored)
        for k in KS:
            left = sketches.narrowed(queries, rows, k)
            kept = np.mean([np.isin(wanted[:k], some).mean() for wanted, some in zip(rows, left, strict=True)])
            counts = (left >= 0).sum(axis=1)
            print(
                f"{dim:>4} dims, k = {k:>2}: {kept:.5f} of the best {k} are among the "
                f"{counts.mean():.1f} left (p95 {np.percentile(counts, 95):.0f})"
            )


if __name__ == "__main__":
    main()

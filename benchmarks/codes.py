"""What each kind of code is worth: the share of the exact top 10 among the first S by codes alone, no cell left out.

    python benchmarks/codes.py --n 290000

The sentences of search_speed.py, learned rotation, first 128 dims. Codes are decoded and compared by inner product.
"""

import argparse
from pathlib import Path

import faiss
import numpy as np
from search.data import sentences

from mrl_search.indexes import Codec, StoredVectors, build_prefix
from mrl_search.provenance import commit, machine
from mrl_search.rotations import fit
from mrl_search.sampling import drawn
from mrl_search.vectors import prefix

DIM, QUERIES = 128, 500
CANDIDATES = (50, 75, 100, 200, 400, 800, 1_600)
FACTORIES = ("PQ64x4fs", "PQ32x4fs", "IVF1024,PQ64x4fsr", "IVF1024,PQ32x4fsr")


def decoded(index):
    """The rows of a FAISS index as its codes tell them, in the order they were added."""
    inner = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexPreTransform) else index
    if isinstance(inner, faiss.IndexIVF):
        inner.make_direct_map()
    return index.reconstruct_n(0, index.ntotal)


def by_scalars(documents, *, deviations):
    """The 4-bit scalar quantiser: over all that occurs, or so many standard deviations to each side."""
    index = faiss.IndexScalarQuantizer(DIM, faiss.ScalarQuantizer.QT_4bit, faiss.METRIC_INNER_PRODUCT)
    if deviations:
        index.sq.rangestat, index.sq.rangestat_arg = index.sq.RS_meanstd, deviations
    index.train(documents)
    index.add(documents)
    return index.reconstruct_n(0, index.ntotal)


def shares(rows, queries, truth):
    _, found = faiss.knn(queries, np.ascontiguousarray(rows), max(CANDIDATES), metric=faiss.METRIC_INNER_PRODUCT)
    return [np.mean([np.isin(t, f[:many]).mean() for t, f in zip(truth, found, strict=True)]) for many in CANDIDATES]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--sentences", type=Path, default=Path("../shared/data/sentences/sentences.txt.gz"))
    told = parser.parse_args()
    data = sentences(told.n, told.sentences)
    axes = fit("learned", data.documents[drawn(len(data.documents))], (DIM,)).rotation.matrix[:DIM].T
    documents, queries = prefix(data.documents @ axes, DIM), prefix(data.queries[:QUERIES] @ axes, DIM)
    truth, stored = data.truth[:QUERIES], StoredVectors(documents, "float32")
    print(f"{len(documents):,} documents, {QUERIES} queries; {machine()}, commit {commit()}")
    print(f"{'':<24}" + "".join(f"{f'S={many}':>8}" for many in CANDIDATES))
    kinds = {"exact": lambda: documents}
    kinds |= {f"SQ4 {wide or 'all'}": lambda wide=wide: by_scalars(documents, deviations=wide) for wide in (0, 2.7)}
    kinds |= {one: lambda one=one: decoded(build_prefix(stored, DIM, Codec(one))._index) for one in FACTORIES}
    for name, rows in kinds.items():
        print(f"{name:<24}" + "".join(f"{share:8.4f}" for share in shares(rows(), queries, truth)), flush=True)


if __name__ == "__main__":
    main()

"""What storing vectors in fewer bits loses: exact search over documents as an index stores them.

    python benchmarks/dtypes.py

Of judged questions over their collections: the share of the float32 top 10, the largest error of a score, nDCG@10.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from cells import EXACT, ndcg
from dual import encoded

from mrl_search.data import Tolerance, load_dataset
from mrl_search.errors import MRLSearchError
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix
from mrl_search.indexes.stored import DTYPES, packed
from mrl_search.provenance import commit, machine
from mrl_search.retriever import search


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    told = parser.parse_args()
    print(f"{machine()}, commit {commit()}")
    for name in ("scifact", "nfcorpus", "cranfield"):
        documents, queries, _ = encoded(name, told.data / "beir")
        dataset = load_dataset(name, "test", told.data / "beir")
        ids = [document.id for document in dataset.corpus.read(Tolerance(0))]
        scores = queries @ documents.T
        exact = None
        for dtype in DTYPES:  # float32 first
            stored = StoredVectors(packed(documents, dtype), dtype)
            index = VectorIndex(stored, build_prefix(stored, 8, Codec("Flat")))
            hits = search(index, queries, EXACT)
            exact = hits.rows if exact is None else exact
            kept = np.mean([np.isin(a, b).mean() for a, b in zip(exact, hits.rows, strict=True)])
            error = np.abs(hits.scores - np.take_along_axis(scores, hits.rows, axis=1)).max()
            found = ndcg(index, queries, EXACT, dataset, ids)
            print(f"{name:<10} {dtype:<9} top 10 kept {kept:.4f}, score off by ≤ {error:.5f}, nDCG@10 {found:.4f}")


if __name__ == "__main__":
    try:
        main()
    except MRLSearchError as error:
        sys.exit(f"{error}")

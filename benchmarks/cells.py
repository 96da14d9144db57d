"""How many cells a query must look into: nDCG@10 of judged questions, and what the cells cost over sentences.

    python benchmarks/cells.py --n 290000

Questions are less like their documents than sentences are like sentences, so their cells are guessed less well. The
small judged sets get what a large corpus gets: residual codes of a learned 128-dim prefix in 2·√n cells, compared by
4-bit codes. The time is of one query in one thread, medians of 500, the shares taken in turn three times.
"""

import argparse
import sys
import time
from pathlib import Path

import faiss
import numpy as np
from dual import encoded
from search.data import sentences

from mrl_search.data import Tolerance, load_dataset
from mrl_search.errors import MRLSearchError
from mrl_search.eval.measures import mean, per_query
from mrl_search.funnel import Funnel
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix, sketched
from mrl_search.provenance import commit, machine
from mrl_search.retriever import search
from mrl_search.rotations import fit
from mrl_search.run import Run, ScoredDoc
from mrl_search.sampling import drawn

DIM, K, SHORTLIST = 128, 10, 200
SHARES = (0.12, 0.25, 0.5, 0.75, 1.0)
FUNNEL = Funnel.parse(f"{DIM}:{SHORTLIST},768:{K}")
EXACT = Funnel.parse(f"768:{K}")


def indexed(documents):
    """An index such as a large corpus gets, and the rotation of it."""
    rotation = fit("learned", documents[drawn(len(documents))], (DIM,)).rotation
    stored = StoredVectors(rotation.apply(documents), "float32")
    cells = 2 ** round(np.log2(2 * np.sqrt(len(documents))))
    prefixes = build_prefix(stored, DIM, Codec(f"IVF{cells},PQ32x4fsr,Refine(SQ4)"))
    return VectorIndex(stored, prefixes, sketched(stored)), rotation


def ndcg(index, asked, funnel, dataset, ids):
    rows = search(index, asked, funnel).rows
    ranking = {
        query: [ScoredDoc(ids[row], -float(rank)) for rank, row in enumerate(found) if row >= 0]
        for query, found in zip(dataset.queries, rows, strict=True)
    }
    return mean(per_query(Run("cells", ranking), dataset.qrels, ["nDCG@10"])["nDCG@10"])


def judged(name, root):
    documents, queries, _ = encoded(name, root)
    dataset = load_dataset(name, "test", root)
    ids = [document.id for document in dataset.corpus.read(Tolerance(0))]
    index, rotation = indexed(documents)
    asked = rotation.apply(queries)
    exact = ndcg(index, asked, EXACT, dataset, ids)
    by_share = (ndcg(index.with_probes(round(index.cells * share)), asked, FUNNEL, dataset, ids) for share in SHARES)
    return f"{name}: exact {exact:.4f}, " + "  ".join(f"{found - exact:+.4f}" for found in by_share)


def timed(data):
    index, rotation = indexed(data.documents)
    faiss.omp_set_num_threads(1)
    asked = rotation.apply(data.queries)
    taken = {share: [] for share in SHARES}
    for share in SHARES * 3:
        some = index.with_probes(round(index.cells * share))
        for query in asked[:500]:
            start = time.perf_counter()
            search(some, query[None], FUNNEL)
            taken[share].append(time.perf_counter() - start)
    for share in SHARES:
        rows = search(index.with_probes(round(index.cells * share)), asked, FUNNEL).rows
        recall = np.mean([np.isin(top, found).mean() for top, found in zip(data.truth, rows, strict=True)])
        print(f"{share:.0%} of {index.cells} cells: {1e6 * np.median(taken[share]):.0f} µs, recall@{K} {recall:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    told = parser.parse_args()
    print(f"{machine()}, commit {commit()}; cells looked into: " + ", ".join(f"{share:.0%}" for share in SHARES))
    for name in ("scifact", "nfcorpus", "cranfield"):
        print(judged(name, told.data / "beir"), flush=True)
    timed(sentences(told.n, told.data / "sentences/sentences.txt.gz"))


if __name__ == "__main__":
    try:
        main()
    except MRLSearchError as error:
        sys.exit(f"{error}")

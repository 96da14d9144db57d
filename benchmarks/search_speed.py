"""Search speed at equal recall: mrl-search beside other vector-search libraries and embedded engines.

    pip install '.[cpu,peers]'
    python benchmarks/search_speed.py --n 200000

One process, one method after another, over the same vectors: the first 1,000
sentences are the queries, the next n the documents. Each setting of a method:
recall@10 against exact search, each query's latency alone in one thread, and
the throughput of all queries at once in several. Tables on stdout; every point
in the JSON of --out, and a picture beside it.
"""

import argparse
import json
import sys
from dataclasses import asdict
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from search.data import K, own_vectors, sentences
from search.engines import LanceDB, Qdrant, QdrantFunnel
from search.libraries import FaissHNSW, FaissIVFPQ, Hnswlib, LeanVec, Scann, Usearch, Vamana
from search.measure import measure
from search.ours import Ours
from search.report import fronts_table, plot, summary

from mrl_search.provenance import machine, provenance

METHODS = {
    "ours": Ours,
    "ours-bf16": lambda: Ours("bfloat16"),
    "faiss-hnsw": FaissHNSW,
    "faiss-ivfpq": FaissIVFPQ,
    "hnswlib": Hnswlib,
    "usearch-f16": lambda: Usearch("f16", "ip"),
    "usearch-bf16": lambda: Usearch("bf16", "cos"),  # by "ip" its rounding costs more recall
    "scann": Scann,
    "svs-float32": lambda: Vamana("float32"),
    "svs-float16": lambda: Vamana("float16"),
    "svs-leanvec": LeanVec,
    "qdrant": Qdrant,
    "qdrant-funnel": lambda: QdrantFunnel(pca=False),
    "qdrant-funnel-pca": lambda: QdrantFunnel(pca=True),
    "lancedb": LanceDB,
}


def names(text):
    chosen = text.split(",")
    for name in chosen:
        if name not in METHODS:
            raise argparse.ArgumentTypeError(f"unknown method {name!r}; choose of {','.join(METHODS)}")
    return chosen


def told():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200_000, help="documents; 800000 takes all")
    parser.add_argument("--sentences", type=Path, default=Path("../shared/data/sentences/sentences.txt.gz"))
    parser.add_argument("--vectors", type=Path, help="an .npy file of (m, D) vectors, in place of the sentences")
    parser.add_argument("--threads", type=int, default=2, help="of builds and batches")
    parser.add_argument("--only", type=names, default=list(METHODS), metavar="NAME,NAME", help=", ".join(METHODS))
    parser.add_argument("--skip", type=names, default=[], metavar="NAME,NAME")
    parser.add_argument("--out", type=Path, help="benchmarks/results/search-N.json by default")
    return parser.parse_args()


def installed(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def main():
    options = told()
    data = own_vectors(options.n, options.vectors) if options.vectors else sentences(options.n, options.sentences)
    n, dim = data.documents.shape
    out = options.out or Path(__file__).parent / "results" / f"search-{n}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    record = {"provenance": provenance(), "data": data.name, "n": n, "dim": dim, "queries": len(data.queries), "k": K}
    record |= {"threads": options.threads, "methods": {}}
    results = {}
    for name in (name for name in METHODS if name in options.only and name not in options.skip):
        method = METHODS[name]()
        title, package = method.name, method.package
        if why := method.obstacle():
            print(f"{title}: skipped: {why}", file=sys.stderr)
            record["methods"][title] = {"skipped": why}
            continue
        results[title] = measure(method, data, options.threads)
        record["methods"][title] = {"package": f"{package} {installed(package)}", **asdict(results[title])}
        out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")  # after each: the next may take hours
    if not results:
        sys.exit("nothing was measured")
    title = f"{n:,} × {dim} ({data.name}), recall@{K} of {len(data.queries):,} queries\n{machine()}"
    if find_spec("matplotlib"):
        plot(results, title, Ours.name, out.with_suffix(".png"))
    else:
        print("no picture: matplotlib is not installed; pip install '.[peers]'", file=sys.stderr)
    print(f"{title}, commit {record['provenance']['commit']}\n")
    print(fronts_table(results, options.threads), summary(results, options.threads, Ours.name), sep="\n\n")
    print(f"\n{out}", file=sys.stderr)


if __name__ == "__main__":
    main()

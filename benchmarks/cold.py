"""A first query, and queries whose vectors are not in the page cache: with rows asked for ahead, and without.

    python benchmarks/cold.py INDEX queries.npy

Opening and the first query are timed in a fresh process (imports included; the encoder is not: vectors are given).
For the rest the system is told to forget vectors.npy before every 20 queries.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

FIRST = """
import sys, time, numpy, faiss
query = numpy.load(sys.argv[2])[:1]
start = time.perf_counter()
from mrl_search import open
retriever = open(sys.argv[1])
opened = time.perf_counter()
retriever.search_vectors(query)
print(f"open {opened - start:.3f} s, first query {time.perf_counter() - opened:.3f} s")
"""


def forget(path):
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("queries", type=Path)
    told = parser.parse_args()
    for _ in range(3):
        command = [sys.executable, "-c", FIRST, told.index, told.queries]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())

    from mrl_search.indexes.residence import Residence
    from mrl_search.retriever import open_retriever

    queries = np.load(told.queries)[:200]
    ask = Residence.prepare
    for name, prepare in {"asked ahead": ask, "fault by fault": lambda *_: None}.items():
        Residence.prepare = prepare
        taken = []
        for start in range(0, len(queries), 20):
            with open_retriever(told.index) as retriever:
                forget(next(told.index.glob("segments/*/vectors.npy")))
                for query in queries[start : start + 20]:
                    begun = time.perf_counter()
                    retriever.search_vectors(query[None])
                    taken.append(time.perf_counter() - begun)
        print(f"{name:<16} p50 {1e3 * np.median(taken):6.2f} ms, mean {1e3 * np.mean(taken):6.2f} ms a query")
    Residence.prepare = ask


if __name__ == "__main__":
    main()

"""A first query, and queries whose vectors are not in the page cache: with rows asked for ahead, and without.

    python benchmarks/cold.py INDEX queries.npy

Opening and the first answers are timed in fresh processes, imports included, beside the encoder's own loading, five
times in turn; with an encoder of `mrl_search.load_encoder`, beside which the kernels are loaded, and with one that was
made without it, as if it were one's own. INDEX: built with an encoder that can be loaded here (`--vectors` saves it).
For the rest the system is told to forget vectors.npy before every 20 queries.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ENCODER = """
from mrl_search import EncoderSpec, load_encoder
encoder = load_encoder(EncoderSpec(sys.argv[3]))
encoder.encode_queries(["how is white matter imaged"])
"""
OWN_ENCODER = ENCODER.replace("mrl_search import", "mrl_search.encoders import")
TOLD = """
print(f"{sys.argv[2]:<36} {time.perf_counter() - start:.3f} s")
"""
OPENED = """
start = time.perf_counter()
from mrl_search import open
open(sys.argv[1], encoder).search(["how is white matter imaged"])
"""
START = "import sys, time; start = time.perf_counter()"
FIRST = {
    "one's own encoder, its first vector": START + OWN_ENCODER + TOLD,
    "the encoder, and its first vector": START + ENCODER + TOLD,
    "opening, encoder, first answers": START
    + """
from mrl_search import open
open(sys.argv[1]).search(["how is white matter imaged"])
"""
    + TOLD,
    "opening, first answers, encoder there": "import sys, time" + ENCODER + OPENED + TOLD,
    "the same, one's own encoder there": "import sys, time" + OWN_ENCODER + OPENED + TOLD,
}


def forget(path):
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("queries", type=Path)
    told = parser.parse_args()

    from mrl_search.indexes.reader import read_manifest
    from mrl_search.indexes.residence import Residence
    from mrl_search.retriever import open_retriever

    encoder = read_manifest(told.index)[0].encoder.name
    for _ in range(5):
        for name, script in FIRST.items():
            subprocess.run([sys.executable, "-c", script, told.index, name, encoder], check=True)

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

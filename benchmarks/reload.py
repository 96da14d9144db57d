"""How soon a server serves what another process committed, and what requests notice of it.

    python benchmarks/reload.py --index FOLDER --rate 100 --commits 10

A copy of the index is served; vectors of its own documents are searched for at fixed times; meanwhile this process adds
--documents of random vectors or, where the index has an encoder, of words, --commits times. `served_after_ms` is from
the commit's end until `/v1/indexes` tells the new count, `opening_ms` what the server took for it (its `/metrics`); the
rest is from one look to the next. Requests are those of --seconds in which all commits fall, and of as many before.
"""

import argparse
import base64
import json
import re
import shutil
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from at_rate import apart
from serve import Server, requests_of, told_of

import mrl_search
from mrl_search.indexes import read_manifest
from mrl_search.provenance import commit, machine


def asked_for(index, count=1_000):
    """Bodies of searches: random directions, which are as much work as others."""
    dim = read_manifest(index)[0].dim
    vectors = np.random.default_rng(0).standard_normal((count, dim), np.float32)
    return [{"vectors": [base64.b64encode(row.tobytes()).decode()], "k": 10} for row in vectors]


def batch_of(folder, index, number, documents):
    """A file of so many new documents, and their vectors, where the index has no encoder."""
    manifest, _ = read_manifest(index)
    source = folder / f"{number}.jsonl"
    rows = ({"id": f"new {number} {row}", "text": f"a new document {number} {row}"} for row in range(documents))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if manifest.encoder.name != "precomputed":
        return source, None
    vectors = np.random.default_rng(number).standard_normal((documents, manifest.dim), np.float32)
    np.save(folder / f"{number}.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return source, folder / f"{number}.npy"


def got(server, path):
    return urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}").read().decode()


def served_after(server, index, source, vectors):
    """Seconds that the commit took, and from then on until it was served."""
    start = time.perf_counter()
    mrl_search.add(index, source, options=mrl_search.AddOptions(vectors=vectors, cache=False))
    committed, wanted = time.perf_counter(), read_manifest(index)[0].documents
    while json.loads(got(server, "/v1/indexes"))["indexes"][0]["documents"] != wanted:
        time.sleep(0.005)
    return committed - start, time.perf_counter() - committed


def measured(server, index, folder, told):
    requests = requests_of(asked_for(index))
    calm = apart(server.port, requests, told.rate, 32, told.seconds)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(apart, server.port, requests, told.rate, 32, told.seconds)
        batches = (batch_of(folder, index, number, told.documents) for number in range(told.commits))
        times = [served_after(server, index, *batch) for batch in batches]
        if asking.done():
            raise SystemExit("the requests ended before the commits did; give more --seconds")
        busy = asking.result()
    metrics = got(server, "/metrics")
    opening, opened = (float(re.search(rf"reload_seconds_{what}{{.*}} (\S+)", metrics)[1]) for what in ("sum", "count"))
    written, after = (1000 * np.array(some) for some in zip(*times, strict=True))
    return {
        "commits": told.commits,
        "written_in_ms_median": round(float(np.median(written)), 1),
        "served_after_ms_median_worst": [round(float(np.median(after)), 1), round(float(after.max()), 1)],
        "opening_ms_mean": round(1000 * opening / opened, 1),
        "requests_before": told_of(calm[0], calm[2]),
        "requests_beside_commits": told_of(busy[0], busy[2]),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--commits", type=int, default=10)
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=40)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=told.index.parent) as folder:
        index = shutil.copytree(told.index, Path(folder) / told.index.name)
        server = Server(index)
        try:
            result = measured(server, index, Path(folder), told)
        finally:
            server.stop()
    documents = read_manifest(told.index)[0].documents
    print(json.dumps({"documents": documents, "commit": commit(), "machine": machine()} | result, indent=1))


if __name__ == "__main__":
    main()

"""Readers at full speed beside a writer that commits each second: no error, no wrong answer, and how fast.

    python benchmarks/readers.py --n 50000 --index FOLDER --readers 8 --seconds 60

Each reader is a process that opens the index, searches it with single queries for half a second, compares one answer
with the exact one of its own snapshot by proof, and opens it anew. First without the writer, then beside it: each
second it adds 100 sentences, half of them in the place of others, or each fifth time deletes 50, each 20th compacts.
"""

import argparse
import json
import multiprocessing
import time
from pathlib import Path

import faiss
import numpy as np
from living import Bench
from search.data import DIM, ENCODER, cache_folder
from threadpoolctl import threadpool_limits

import mrl_search
from mrl_search.funnel import Funnel
from mrl_search.indexes import open_index
from mrl_search.provenance import commit, machine
from mrl_search.retriever import search

TURN_S, MORE, QUERIES = 0.5, 10_000, 300


def read(folder, queries, seconds, results):
    """Searches until the time is over; puts (search ms, opening ms, errors, wrong answers) into the queue."""
    faiss.omp_set_num_threads(1)
    threadpool_limits(1, "blas")  # whose threads spin: eight readers opened an index a quarter as often
    taken, opened, errors, wrong = [], [], [], 0
    end, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            start = time.perf_counter()
            stored = open_index(folder)
            opened.append(time.perf_counter() - start)
            asked, funnel = stored.turned(queries), Funnel.parse(stored.manifest.funnel)
            until = time.monotonic() + TURN_S
            while time.monotonic() < until:
                one = asked[turn % len(asked)][None]
                start = time.perf_counter()
                hits = search(stored.vectors, one, funnel)
                taken.append(time.perf_counter() - start)
                turn += 1
            wrong += not is_right(stored, one, hits)
            stored.close()
        except Exception as error:
            errors.append(repr(error))
    results.put((taken, opened, errors, wrong))


def is_right(stored, query, hits):
    """Whether the rows are documents, their scores true, and at most three of the exact ten missing."""
    rows = hits.rows[0]
    ids = stored.ids(rows.tolist())
    scores = stored.vectors.take(rows) @ query[0]
    exact = stored.vectors.proven(query, hits).rows[0]
    return len(ids) == 10 and np.allclose(scores, hits.scores[0], atol=1e-5) and len(set(exact) & set(rows)) >= 7


def watched(bench, readers, seconds, *, writes):
    """What the readers say, and how many commits there were."""
    context, queries = multiprocessing.get_context("spawn"), bench.vectors[-QUERIES:]
    results = context.Queue()
    processes = [context.Process(target=read, args=(bench.index, queries, seconds, results)) for _ in range(readers)]
    for process in processes:
        process.start()
    commits, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        if writes:
            write(bench, commits)
            commits += 1
        time.sleep(max(0.0, start + 1 - time.monotonic()))
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    taken, opened = (1000 * np.concatenate([one[place] for one in found]) for place in (0, 1))
    return {
        "commits": commits,
        "searches_per_second": round(len(taken) / seconds, 1),
        "search_ms_p50_p95": [round(float(value), 3) for value in np.percentile(taken, [50, 95])],
        "opened": len(opened),
        "open_ms_p50_p95": [round(float(value), 1) for value in np.percentile(opened, [50, 95])],
        "errors": sorted({error for one in found for error in one[2]}),
        "wrong": sum(one[3] for one in found),
    }


def write(bench, number):
    first = bench.n + 100 * number % MORE
    if number % 20 == 19:
        mrl_search.compact(bench.index)
    elif number % 5 == 4:
        mrl_search.delete(bench.index, [str(one) for one in range(50 * number, 50 * number + 50)])
    else:
        ids = [one if one % 2 else one - bench.n for one in range(first, first + 100)]
        bench.add(ids, slice(first, first + 100))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=60)
    told = parser.parse_args()
    count = told.n + MORE + QUERIES
    vectors = np.fromfile(cache_folder() / f"sentences-{ENCODER}.f32", np.float32, count=count * DIM)
    bench = Bench(told.index, vectors.reshape(count, DIM), told.n)
    bench.build()
    result = {"n": told.n, "readers": told.readers, "seconds": told.seconds, "commit": commit(), "machine": machine()}
    result["idle"] = watched(bench, told.readers, min(20, told.seconds), writes=False)
    result["beside a writer"] = watched(bench, told.readers, told.seconds, writes=True)
    result["check"] = [finding.problem for finding in mrl_search.check(bench.index)]
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

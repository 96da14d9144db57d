"""Whether the simulation of ray_tail.py foretells what it was not fitted to: four shards measured, others predicted.

    python benchmarks/ray_out_of_sample.py --n 200000 --folder FOLDER --json out.json

Fitted to four shards, one replica, one asker: what the asker, shards and Ray take of processors, how long a call is on
its way (ray_demands.py), and, to the median of its queries, how long a call waits besides. Of other numbers of shards
only their own times are measured anew, in one process on one thread. Then predicted, measured, compared: 2 and
8 shards, two replicas, several askers. About four minutes on two idle cores, once the clusters are built
(--build-only).
"""

import argparse
import json
import os
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import mrl_search

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "scale"))
from ray_demands import demands, stretched
from ray_nodes import ray_nodes
from ray_search import SINGLE, built, shard_ms, single_ms
from ray_tail import Demands, Setup, Simulation, fitted, off, percentiles

from mrl_search.provenance import commit, machine
from mrl_search.retriever import search
from mrl_search.scale import open_cluster

WITHIN = 15  # percent
CASES = (  # shards, replicas, askers
    (4, 1, 1),
    (2, 1, 1),
    (8, 1, 1),
    (4, 2, 1),
    (4, 1, 2),
    (4, 1, 4),
)
FITTED = CASES[0]


def by_askers(retriever, queries, askers):
    """Milliseconds of each query, when so many threads ask one after another; the first of each warm up."""
    index, funnel, taken = retriever.index(), retriever.funnel, []
    each = SINGLE // askers

    def ask(first):
        for turn in range(-10, each):
            query = (first + turn) % len(queries)
            start = time.perf_counter()
            search(index, queries[query : query + 1], funnel)
            if turn >= 0:
                taken.append(1000 * (time.perf_counter() - start))

    threads = [threading.Thread(target=ask, args=(number * each,)) for number in range(askers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def alone(folder, n, queries, shards):
    """Times of the stages of so many shards, in this process."""
    with open_cluster(built(folder, n, "Flat", shards)[1]) as local:
        return shard_ms(local.stored._shards, local.checked_queries(queries[:200]), local.funnel)


def opened(several, replicas=1):
    from mrl_search.scale.ray_shards import RayOptions, ray_transport

    return open_cluster(several, transport=ray_transport("auto", RayOptions(replicas)))


def measured(folder, n, case, queries):
    shards, replicas, askers = case
    with opened(built(folder, n, "Flat", shards)[1], replicas) as remote:
        turned = remote.checked_queries(queries)
        return single_ms(remote, turned) if askers == 1 else by_askers(remote, turned, askers)


def setup(told, case):
    shards, replicas, askers = case
    return Setup(shards, replicas, cores=told["cores"], askers=askers)


def predicted(told, case, demands, queries=4_000):
    """p50, p95, p99 of a configuration."""
    service = stretched(told["shard_ms"][str(case[0])], told["found"]["stretch"])
    return percentiles(Simulation(setup(told, case), replace(demands, service=service)).run(queries))


def judged(told):
    """What was fitted, and each configuration: predicted beside measured."""
    times = {case: percentiles(told["taken_ms"][str(case)]) for case in CASES}
    demands = fitted(setup(told, FITTED), Demands(**told["demands"]), times[FITTED][0])
    rows = [{"a call waits ms": round(demands.wait, 2), "cores that others hold": round(demands.background, 2)}]
    for case, wanted in times.items():
        found = predicted(told, case, demands)
        apart = off(found, wanted)
        rows.append(
            {
                "shards, replicas, askers": case,
                "fitted to": case == FITTED,
                "predicted_ms_p50_p95_p99": found,
                "measured_ms_p50_p95_p99": wanted,
                "off_percent": apart,
                "p50 within": abs(apart[0]) <= WITHIN,
                "all within": max(map(abs, apart)) <= WITHIN,
            }
        )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--again", action="store_true", help="judge what --json holds, measure nothing")
    given = parser.parse_args()
    if given.again:
        print("\n".join(map(json.dumps, judged(json.loads(given.json.read_text())))))
        return
    counts = sorted({shards for shards, *_ in CASES})
    for shards in counts:
        _, _, queries, _ = built(given.folder, given.n, "Flat", shards)
    if given.build_only:
        return
    told = {"n": given.n, "cores": os.cpu_count(), "machine": machine(), "commit": commit(), "load": os.getloadavg()[0]}
    told["shard_ms"] = {str(shards): alone(given.folder, given.n, queries, shards) for shards in counts}
    with ray_nodes(2):
        shards, *_ = FITTED
        with opened(built(given.folder, given.n, "Flat", shards)[1]) as remote:
            turned = remote.checked_queries(queries)
            found, told["found"] = demands(remote, turned, told["shard_ms"][str(shards)])
        told["demands"], told["taken_ms"] = asdict(found), {}
        print(json.dumps(told["found"], indent=1), flush=True)
        for case in CASES:
            told["taken_ms"][str(case)] = measured(given.folder, given.n, case, queries)
            print(case, percentiles(told["taken_ms"][str(case)]), flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(told))
    print(json.dumps({name: told[name] for name in ("n", "machine", "commit", "load")}))
    print("\n".join(map(json.dumps, judged(told))))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path(mrl_search.__file__).resolve().parents[1]))
    main()

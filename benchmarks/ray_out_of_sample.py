"""Whether the simulation of ray_tail.py foretells what it was not fitted to: four shards measured, others predicted.

    python benchmarks/ray_out_of_sample.py --n 200000 --folder FOLDER --json out.json

Fitted to four shards: times of a shard's stages on one thread, of a question that shards answer at once, and how many
cores are at work meanwhile. Whether an asker's time holds a core is decided by that configuration, too. Then predicted,
measured, compared: 2 and 8 shards (a shard's time goes with its rows), two replicas, several askers. About five minutes
on two idle cores, once the clusters are built (--build-only).
"""

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from ray_search import SINGLE, built, fan_out_ms, shard_ms, single_ms
from ray_tail import Setup, Simulation, percentiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "scale"))
from ray_nodes import ray_nodes

import mrl_search
from mrl_search.provenance import commit, machine
from mrl_search.retriever import search
from mrl_search.scale import open_cluster

FITTED = 4
WITHIN = 15  # percent
CASES = (  # shards, replicas, askers
    (4, 1, 1),
    (2, 1, 1),
    (8, 1, 1),
    (4, 2, 1),
    (4, 1, 2),
    (4, 1, 4),
)


def processor_seconds():
    """Of this process and all it started: Ray's, too."""
    total = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            told = process.cpu_times()
        except psutil.Error:
            continue
        total += told.user + told.system
    return total


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


def fitted(folder, n, queries):
    """What the simulation is fed with; of four shards."""
    _, several, _, _ = built(folder, n, "Flat", FITTED)
    with open_cluster(several) as local:
        service = shard_ms(local.stored._shards, local.checked_queries(queries[:200]), local.funnel)
    with opened(several) as remote:
        single_ms(remote, remote.checked_queries(queries))
        before, start = processor_seconds(), time.perf_counter()
        asking = fan_out_ms(remote)
        share = (processor_seconds() - before) / (time.perf_counter() - start)
    return {"shard_ms": service, "fan_out_ms": asking, "cores_at_work_while_asking": round(share, 2)}


def opened(several, replicas=1):
    from mrl_search.scale.ray_shards import RayOptions, ray_transport

    return open_cluster(several, transport=ray_transport("auto", RayOptions(replicas)))


def predicted(told, case, share, queries=4_000):
    """p50, p95, p99 of a configuration. share: of its time that an asker holds a core."""
    shards, replicas, askers = case
    service = [np.asarray(times) * FITTED / shards for times in told["shard_ms"]]  # as rows of a shard go
    setup = Setup(shards, replicas, cores=told["cores"], askers=askers, asking_share=share)
    return percentiles(Simulation(setup, service, np.asarray(told["fan_out_ms"]) / FITTED).run(queries))


def measured(folder, n, case, queries):
    shards, replicas, askers = case
    _, several, _, _ = built(folder, n, "Flat", shards)
    with opened(several, replicas) as remote:
        turned = remote.checked_queries(queries)
        return single_ms(remote, turned) if askers == 1 else by_askers(remote, turned, askers)


def off(found, wanted):
    return [round(100 * (a / b - 1), 1) for a, b in zip(found, wanted, strict=True)]


def judged(told):
    """Each configuration: predicted beside measured. The share is chosen by the one that all was fitted to."""
    first = percentiles(told["taken_ms"][str(CASES[0])])
    shares = (0.0, min(1.0, told["cores_at_work_while_asking"]))
    share = min(shares, key=lambda one: abs(off(predicted(told, CASES[0], one), first)[0]))
    rows = []
    for case in CASES:
        found, wanted = predicted(told, case, share), percentiles(told["taken_ms"][str(case)])
        apart = off(found, wanted)
        rows.append(
            {
                "shards, replicas, askers": case,
                "fitted to": case == CASES[0],
                "predicted_ms_p50_p95_p99": found,
                "measured_ms_p50_p95_p99": wanted,
                "off_percent": apart,
                "p50 within": abs(apart[0]) <= WITHIN,
                "all within": max(map(abs, apart)) <= WITHIN,
            }
        )
    return {"asking_share": share, "cases": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--again", action="store_true", help="judge what --json holds, measure nothing")
    given = parser.parse_args()
    if given.again:
        print(json.dumps(judged(json.loads(given.json.read_text())), indent=1))
        return
    for shards in (FITTED, 2, 8):
        _, _, queries, _ = built(given.folder, given.n, "Flat", shards)
    if given.build_only:
        return
    told = {"n": given.n, "cores": os.cpu_count(), "machine": machine(), "commit": commit(), "load": os.getloadavg()[0]}
    with ray_nodes(2):
        told |= fitted(given.folder, given.n, queries)
        told["taken_ms"] = {}
        for case in CASES:
            told["taken_ms"][str(case)] = measured(given.folder, given.n, case, queries)
            print(case, percentiles(told["taken_ms"][str(case)]), flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(told))
    kept = ("n", "machine", "commit", "load", "cores_at_work_while_asking")
    print(json.dumps({name: told[name] for name in kept} | judged(told), indent=1))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path(mrl_search.__file__).resolve().parents[1]))
    main()

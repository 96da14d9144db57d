"""A cluster built over Ray nodes that are lost on the way, beside one index of the same documents.

    python benchmarks/ray_build.py --n 800000 --folder FOLDER --nodes-lost 2 --kills 20

Sentences of minilm-768 that benchmarks/search has encoded, given as vectors. While the build goes on, worker processes
are SIGKILLed and a whole node is taken away and replaced. Should the build itself end, it is called again, and goes on.
Then every stored vector and the answers of 1,000 queries after each stage are compared with those of one index.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from ray_search import built, equal
from search.data import DIM

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "scale"))
from ray_nodes import ray_nodes

import mrl_search
from mrl_search.provenance import commit, machine
from mrl_search.scale import build_cluster, open_cluster, read_cluster

NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "memory": 2**33}


class Loss:
    """Takes workers and nodes away while a thread builds; Ray starts nodes in a process's main thread only."""

    def __init__(self, nodes, kills, nodes_lost, every):
        self.nodes, self.every = nodes, every
        self.plan = ["worker"] * kills + ["node"] * nodes_lost
        random.Random(3).shuffle(self.plan)
        self.done = {"worker": 0, "node": 0}
        self.extra = nodes.add_node(**NODE)
        self.peak = 0  # bytes

    def during(self, building):
        for what in self.plan:
            building.join(self.every)
            if not building.is_alive():
                return
            self.peak = max(self.peak, own_bytes())
            if what == "node":
                self.nodes.remove_node(self.extra, allow_graceful=False)
                self.extra = self.nodes.add_node(**NODE)
                self.done[what] += 1
            else:
                self.done[what] += self.kill_worker()
        building.join()

    def kill_worker(self):
        """SIGKILLs a process that is at work on a task or is an actor; whether there was one."""
        raylets = [info.process.pid for node in self.nodes.list_all_nodes() for info in node.all_processes["raylet"]]
        found = []
        for pid in raylets:
            for one in psutil.Process(pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    name = " ".join(one.cmdline())
                    if name.startswith("ray::") and not name.startswith(("ray::IDLE", "ray::Dash", "ray::Runtime")):
                        found.append(one.pid)
        if not found:
            return False
        os.kill(random.choice(found), signal.SIGKILL)
        return True


def own_bytes():
    """That this process and all it started hold by themselves; mapped files and Ray's store are shared."""
    total = 0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            told = process.memory_info()
            total += told.rss - told.shared
    return total


def compared(one, several):
    """Whether every document has the vector it has in the one index, bit for bit."""
    from mrl_search.indexes import Layout, open_index, read_positions

    alone, same, count = open_index(one), True, 0
    for shard in read_cluster(several).shards:
        stored = open_index(several / shard.where)
        positions = read_positions(Layout(stored.folder), stored.segments)
        for first in range(0, len(positions), 20_000):
            rows = np.arange(first, min(first + 20_000, len(positions)))
            same &= bool((stored.vectors.gathered(rows) == alone.vectors.gathered(positions[rows])).all())
            count += len(rows)
        stored.close()
    alone.close()
    return same and count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=800_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--nodes-lost", type=int, default=2)
    parser.add_argument("--every", type=float, default=3.0, help="seconds")
    given = parser.parse_args()
    from mrl_search.scale.ray_work import RayWork

    one, _, queries, told = built(given.folder, given.n, "Flat", 4, with_cluster=False)
    told |= {"n": given.n, "machine": machine(), "commit": commit(), "calls": 0}
    options = mrl_search.BuildOptions(
        vectors=given.folder / f"{given.n}.npy", rotation="pca", prefix="Flat", force=True
    )
    folder, start = given.folder / f"ray-{given.n}", time.perf_counter()

    def build():
        while True:
            told["calls"] += 1
            try:
                corpus = given.folder / f"{given.n}.txt"
                build_cluster(corpus, folder, shards=4, dims=(128, DIM), options=options, work=RayWork())
                return
            except Exception as error:
                print("the build ended:", type(error).__name__, str(error)[:300], flush=True)

    with ray_nodes(1) as nodes:
        loss, building = Loss(nodes, given.kills, given.nodes_lost, given.every), threading.Thread(target=build)
        building.start()
        loss.during(building)
        told["seconds"] = round(time.perf_counter() - start, 1)
        told["peak resident GiB of all processes"] = round(loss.peak / 2**30, 1)
    told["lost meanwhile"] = loss.done
    told["documents whose vectors are the same"] = compared(one, folder)
    with mrl_search.open(one) as alone, open_cluster(folder) as cluster:
        told["equal at each stage"] = equal(alone, cluster, alone.checked_queries(queries))
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()

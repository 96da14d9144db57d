"""What is lost when processes and nodes are: SIGKILL of shard actors and of a whole node while queries go on.

    python benchmarks/ray_kills.py --kills 50 --nodes-lost 3 --replicas 2

20,000 documents of a hashing encoder in four shards; three Ray nodes on this machine. A thread asks one query after
another; each answer is compared with what was found before. With one replica of each shard, the answers may be partial
and must name what they lack; recovery is from the kill until the first whole answer.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "scale"))
from ray_nodes import ray_nodes

import mrl_search
from mrl_search.provenance import commit, machine
from mrl_search.scale import Terms, build_cluster, on_terms, open_cluster

TEXTS = [f"number {n}" for n in range(40)]
NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "memory": 2**33}


class Load:
    """Asks until it is stopped; counts what came."""

    def __init__(self, retriever, *, partial):
        self.retriever, self.partial = retriever, partial
        self.vectors = retriever.encode(TEXTS)
        self.wanted = [retriever.search_vectors(self.vectors[q : q + 1], 10)[0] for q in range(len(TEXTS))]
        self.counts = {"whole": 0, "partial": 0, "failed": 0, "wrong": 0}
        self.times = []
        self.whole_at, self.slowest = time.monotonic(), 0.0
        self.stopped, self.thread = threading.Event(), threading.Thread(target=self.ask, daemon=True)

    def ask(self):
        turn = 0
        with on_terms(Terms(seconds=60, partial=self.partial)) as terms:
            while not self.stopped.is_set():
                query, turn = turn % len(TEXTS), turn + 1
                start = time.monotonic()
                try:
                    with terms.counted():
                        (answers,) = self.retriever.search_vectors(self.vectors[query : query + 1], 10)
                except Exception as error:
                    print("failed:", type(error).__name__, str(error)[:200], flush=True)
                    self.counts["failed"] += 1
                    continue
                self.times.append(time.monotonic() - start)
                self.slowest = max(self.slowest, time.monotonic() - start)
                self.judge(query, answers, terms.missing)

    def judge(self, query, answers, missing):
        if missing:
            self.counts["partial"] += 1
            owner = self.retriever.stored.cluster.owner_of
            names = self.retriever.stored._shards.names
            kept = [one for one in self.wanted[query] if names[owner(one.id)] not in missing]
            ids = {one.id for one in kept}  # others may come between them, where scores tie
            self.counts["wrong"] += [one for one in answers if one.id in ids] != kept
        else:
            self.counts["whole"] += 1
            self.counts["wrong"] += answers != self.wanted[query]
            self.whole_at = time.monotonic()


def killed(retriever, load, turn):
    """SIGKILLs an actor of some shard; seconds until the next whole answer that began after it."""
    import ray

    fleet = retriever.stored._shards._fleet
    folder = list(fleet.actors)[turn % len(fleet.actors)]
    actors = fleet.actors[folder]
    pid = pid_of(ray, actors[turn // len(fleet.actors) % len(actors)])
    os.kill(pid, signal.SIGKILL)
    at = time.monotonic()
    before = load.counts["whole"]
    while load.counts["whole"] < before + 2 or load.whole_at < at:  # one may have been on its way
        time.sleep(0.005)
    return time.monotonic() - at


def pid_of(ray, actor):
    while True:
        try:
            return ray.get(actor.pid.remote())
        except ray.exceptions.RayActorError:
            time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--nodes-lost", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=80.0, help="that actors are killed for at most")
    given = parser.parse_args()
    from mrl_search.scale.asking import Manners
    from mrl_search.scale.ray_shards import RayOptions, ray_transport

    told = {**vars(given), "machine": machine(), "commit": commit()}
    with tempfile.TemporaryDirectory() as made, ray_nodes(2) as nodes:
        source = Path(made) / "c.jsonl"
        lines = (json.dumps({"_id": f"d{n}", "text": f"number {n % 5000} of {n % 77}"}) + "\n" for n in range(given.n))
        source.write_text("".join(lines))
        options = mrl_search.BuildOptions(rotation="none")
        folder = build_cluster(
            source, Path(made) / "c", shards=4, dims=(64, 256), encoder="hashing:256", options=options
        )
        more = nodes.add_node(**NODE)
        asked = RayOptions(given.replicas, Manners(patience_seconds=55))
        with open_cluster(folder, transport=ray_transport("auto", asked)) as retriever:
            load = Load(retriever, partial=given.replicas == 1)
            load.thread.start()
            recovered, end = [], time.monotonic() + given.seconds
            for turn in range(given.kills):
                if time.monotonic() > end:
                    break
                recovered.append(killed(retriever, load, turn))
                time.sleep(0.3)
            told["actor kills"] = summary(recovered)
            print(json.dumps(told), load.counts, flush=True)
            told["after actor kills"] = dict(load.counts)
            lost = []
            for _ in range(given.nodes_lost):
                at, before = time.monotonic(), load.counts["whole"]
                nodes.remove_node(more, allow_graceful=False)
                while load.counts["whole"] < before + 2:
                    time.sleep(0.005)
                lost.append(time.monotonic() - at)
                more = nodes.add_node(**NODE)
                time.sleep(1)
            told["node losses"] = summary(lost)
            load.stopped.set()
            load.thread.join()
            told["query_ms_p50_p95_p99"] = [round(1000 * float(x), 1) for x in np.percentile(load.times, [50, 95, 99])]
            told["in all"] = {**load.counts, "slowest_seconds": round(load.slowest, 2)}
    print(json.dumps(told, indent=1))


def summary(seconds):
    if not seconds:
        return {}
    p50, p95 = np.percentile(seconds, [50, 95])
    return {
        "count": len(seconds),
        "whole_again_seconds_p50_p95_max": [round(float(x), 2) for x in (p50, p95, max(seconds))],
    }


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    main()

"""Processes of Ray Serve: as many as the load asks for, fewer afterwards, and what callers see when one is SIGKILLed.

    python benchmarks/ray_serve.py --callers 48 --servers 3 --kills 5

5,000 documents of a hashing encoder in two shards on one Ray node. Callers ask one question after another, half of
them by the Python client, which tries again, half without trying again. Once there are as many processes as there may
be, one is killed, and another when all are there again; then all but two callers stop.
"""

import argparse
import json
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "scale"))
from ray_nodes import ray_nodes

import mrl_search
from mrl_search.errors import ServeError
from mrl_search.provenance import commit, machine
from mrl_search.scale import build_cluster
from mrl_search.serve import Settings
from mrl_search.serve.client import Client

PROCESS = "ray::ServeReplica:mrl-search"
TEXTS = [f"number {n}" for n in range(40)]


class Caller(threading.Thread):
    """Asks until it is stopped, and notes what came when."""

    def __init__(self, address, wanted, *, retries):
        super().__init__(daemon=True)
        self.address, self.wanted, self.retries = address, wanted, retries
        self.answers, self.wrong, self.slowest, self.failed = 0, 0, 0.0, []
        self.stopped = threading.Event()

    def run(self):
        with Client(self.address, retries=self.retries, timeout=30) as client:
            for turn in range(10**9):
                if self.stopped.is_set():
                    return
                query, start = (turn + id(self)) % len(TEXTS), time.monotonic()
                try:
                    (answers,) = client.search([TEXTS[query]], 10)
                except ServeError as error:
                    self.failed.append((time.monotonic(), str(error)[:120]))
                    continue
                self.answers += 1
                self.wrong += [one.id for one in answers] != self.wanted[query]
                self.slowest = max(self.slowest, time.monotonic() - start)


class Count(threading.Thread):
    """How many processes answer, every half second; each change is printed."""

    def __init__(self):
        super().__init__(daemon=True)
        self.start_at, self.seen, self.now, self.stopped = time.monotonic(), [], 0, threading.Event()

    def run(self):
        from ray import serve

        while not self.stopped.wait(0.5):
            told = serve.status().applications["mrl-search"].deployments["mrl-search"].replica_states
            count = told.get("RUNNING", 0)
            if count != self.now:
                self.seen.append((round(time.monotonic() - self.start_at, 1), count))
                print("seconds, processes:", *self.seen[-1], flush=True)
            self.now = count

    def reaches(self, count, seconds):
        """Seconds until there are so many; None where they do not come."""
        start = time.monotonic()
        while self.now != count:
            if time.monotonic() - start > seconds:
                return None
            time.sleep(0.05)
        return round(time.monotonic() - start, 1)


def killed(count, servers, callers):
    """SIGKILLs one of the processes; what callers noticed, and when there were as many again."""
    own = [one for one in psutil.Process().children(recursive=True) if PROCESS in " ".join(one.cmdline())]
    before, at = [len(caller.failed) for caller in callers], time.monotonic()
    os.kill(random.choice(own).pid, signal.SIGKILL)
    while count.now == servers and time.monotonic() - at < 20:  # seen
        time.sleep(0.05)
    count.reaches(servers, 90)
    found = {"all there again after seconds": round(time.monotonic() - at, 1)}
    time.sleep(2)
    for tries, name in ((0, "without trying again"), (4, "by the client")):
        mine = [(caller, n) for caller, n in zip(callers, before, strict=True) if caller.retries == tries]
        some = [one for caller, n in mine for one in caller.failed[n:]]
        last = max((when - at for when, _ in some), default=0.0)
        told = Counter(told for _, told in some).most_common(2)
        found[f"failed {name}"] = {"count": len(some), "last after seconds": round(last, 2), "as": told}
    return found


def wanted_of(folder):
    with mrl_search.scale.open_cluster(folder) as local:
        return [[one.id for one in answers] for answers in local.search(TEXTS, 10)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--callers", type=int, default=48)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--idle", type=float, default=15.0, help="seconds after which there are fewer; 600 by default")
    given = parser.parse_args()
    told = {**vars(given), "machine": machine(), "commit": commit()}
    with tempfile.TemporaryDirectory() as made, ray_nodes(1, cpus=2):
        from ray import serve

        from mrl_search.scale.ray_serving import Running, start

        source = Path(made) / "c.jsonl"
        lines = (json.dumps({"_id": f"d{n}", "text": f"number {n} of {n % 77}"}) + "\n" for n in range(5000))
        source.write_text("".join(lines))
        options = mrl_search.BuildOptions(rotation="none", prefix="Flat")
        folder = build_cluster(
            source, Path(made) / "c", shards=2, dims=(64, 256), encoder="hashing:256", options=options
        )
        wanted = wanted_of(folder)
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
        running = Running("auto", servers=given.servers, idle_seconds=given.idle)
        address = start(Settings(indexes=(folder,), port=port, device="cpu"), running)
        count = Count()
        count.start()
        callers = [Caller(address, wanted, retries=4 * (number % 2)) for number in range(given.callers)]
        for caller in callers:
            caller.start()
        told["all processes after seconds of load"] = count.reaches(given.servers, 120)
        time.sleep(10)
        told["kills"] = [killed(count, given.servers, callers) for _ in range(given.kills)]
        for caller in callers[2:]:
            caller.stopped.set()
        told["one process after seconds of two callers"] = count.reaches(1, 120)
        for caller in callers:
            caller.stopped.set()
        for caller in callers:
            caller.join(40)
        count.stopped.set()
        count.join()
        told["seconds, processes"] = count.seen
        told |= {name: sum(getattr(caller, name) for caller in callers) for name in ("answers", "wrong")}
        told["slowest seconds"] = round(max(caller.slowest for caller in callers), 2)
        for tries, name in ((0, "without trying again"), (4, "by the client")):
            told[f"failed in all {name}"] = sum(len(caller.failed) for caller in callers if caller.retries == tries)
        serve.shutdown()
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    main()

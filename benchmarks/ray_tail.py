"""A discrete-event simulation of queries over shards, fed with measured times: where the tail of a fan-out bites.

    python benchmarks/ray_tail.py --measured out.json             # what ray_search.py wrote: predicted beside measured
    python benchmarks/ray_tail.py --measured out.json --sweep     # shards, replicas, load, hedging

A query is a fan-out for each stage of its funnel: to one replica of every shard, in turn; the stage ends with the last
shard. The asker's own time (Ray's calls) is measured by a question that shards answer at once; it goes shard by shard,
half of it to send and half to take what comes back, while shards that were sent to are at work. Times of shards are
drawn from those measured in one process on one thread. A replica works on one question after another; with `cores`,
replicas and askers share so many (the machine that was measured): of an asker's time, the share in which some processor
worked for it. benchmarks/ray_out_of_sample.py compares it with configurations that it was not fitted to. A hedge is a
second question to the next replica, after so many ms; nobody tells the first that it is needed no more, as in
mrl_search/scale/asking.py.
"""

import argparse
import heapq
import json
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np


@dataclass
class Setup:
    """shards, replicas of each; rate: queries a second, Poisson, 0 for one after another, by each of so many askers;
    hedge_ms: None for never; asking_share: of an asker's time, that it holds a core."""

    shards: int
    replicas: int = 1
    rate: float = 0.0
    hedge_ms: float | None = None
    cores: int | None = None
    askers: int = 1
    asking_share: float = 0.0


@dataclass
class Query:
    began: float
    stage: int = -1
    waiting: set = field(default_factory=set)
    todo: deque = field(default_factory=deque)  # what its asker is to do: to send to a shard, or to take from it
    is_busy: bool = False
    step: float = 0.0  # how long each of these takes


class Simulation:
    """Milliseconds throughout. service: of each stage the measured times of a shard. overhead: of the asker, for
    each shard."""

    def __init__(self, setup, service, overhead, seed=0):
        self.setup, self.service, self.overhead = setup, list(map(np.asarray, service)), np.asarray(overhead)
        self.random = np.random.default_rng(seed)
        self.events, self.order, self.turn = [], count(), 0
        places = setup.shards * setup.replicas
        self.queues = [deque() for _ in range(1 if setup.cores else places)]
        self.busy = [0] * len(self.queues)
        self.room = setup.cores or 1
        self.taken = []

    def run(self, queries):
        """The time of each query."""
        at = 0.0
        for _ in range(queries if self.setup.rate else self.setup.askers):
            at += self.random.exponential(1000 / self.setup.rate) if self.setup.rate else 0.0
            self.at(at, self.begin, Query(at))
        while self.events and len(self.taken) < queries:
            now, _, do, *what = heapq.heappop(self.events)
            do(now, *what)
        return np.array(self.taken)

    def at(self, when, do, *what):
        heapq.heappush(self.events, (when, next(self.order), do, *what))

    def drawn(self, times):
        return float(times[self.random.integers(len(times))])

    def begin(self, now, query):
        """The next stage, or the end."""
        query.stage += 1
        if query.stage == len(self.service):
            self.taken.append(now - query.began)
            if not self.setup.rate:
                self.at(now, self.begin, Query(now))
            return
        query.waiting = set(range(self.setup.shards))
        query.step = self.drawn(self.overhead) / 2
        self.turn += 1
        for shard in range(self.setup.shards):
            query.todo.append((self.sent, query.stage, shard, self.turn))
        self.go_on(now, query)

    def go_on(self, now, query):
        """An asker does one thing at a time: part of each on a core, in its turn before shards, part waiting."""
        if query.is_busy or not query.todo:
            return
        query.is_busy = True
        held = self.setup.asking_share * query.step if self.setup.cores else 0.0
        if held:
            self.queues[0].appendleft((held, self.held, query, query.step - held))
            self.work(now, 0)
        else:
            self.at(now + query.step, self.stepped, query)

    def held(self, now, query, rest):
        self.at(now + rest, self.stepped, query)

    def stepped(self, now, query):
        query.is_busy = False
        do, *what = query.todo.popleft()
        do(now, query, *what)
        self.go_on(now, query)

    def sent(self, now, query, stage, shard, turn):
        self.ask(now, query, stage, shard, turn)
        if self.setup.hedge_ms is not None and self.setup.replicas > 1:
            self.at(now + self.setup.hedge_ms, self.hedge, query, stage, shard, turn + 1)

    def hedge(self, now, query, stage, shard, turn):
        if query.stage == stage and shard in query.waiting:
            self.ask(now, query, stage, shard, turn)

    def ask(self, now, query, stage, shard, turn):
        place = 0 if self.setup.cores else shard * self.setup.replicas + turn % self.setup.replicas
        self.queues[place].append((self.drawn(self.service[stage]), self.done, query, stage, shard))
        self.work(now, place)

    def work(self, now, place):
        while self.busy[place] < self.room and self.queues[place]:
            takes, then, *what = self.queues[place].popleft()
            self.busy[place] += 1
            self.at(now + takes, self.free, place, then, what)

    def free(self, now, place, then, what):
        self.busy[place] -= 1
        then(now, *what)
        self.work(now, place)

    def done(self, now, query, stage, shard):
        if query.stage == stage and shard in query.waiting:
            query.waiting.discard(shard)
            query.todo.append((self.taken_from, stage))
            self.go_on(now, query)

    def taken_from(self, now, query, stage):
        if not query.waiting and not query.todo:
            self.begin(now, query)


def percentiles(taken):
    return [round(float(value), 2) for value in np.percentile(taken, [50, 95, 99])]


def asking(told):
    """Milliseconds of the asker for each shard."""
    return np.asarray(told["fan_out_ms"]) / told["shards"]


def predicted(told, queries=4_000):
    """p50, p95, p99 of the configuration that was measured, one query after another, and how far they are off."""
    setup = Setup(told["shards"], cores=told["cores"])
    found = percentiles(Simulation(setup, told["shard_ms"], asking(told)).run(queries))
    measured = percentiles(told["taken_ms"]["ray"])
    off = [round(100 * (a / b - 1), 1) for a, b in zip(found, measured, strict=True)]
    return {"predicted_ms_p50_p95_p99": found, "measured_ms_p50_p95_p99": measured, "off_percent": off}


def sweep(told, queries=800):
    """Each replica on a core of its own; rates as shares of what a shard can do with its replicas."""
    rows, service, overhead = [], told["shard_ms"], asking(told)
    each = sum(float(np.mean(times)) for times in service)
    late = float(np.percentile(np.concatenate(service), 95))
    for shards in (4, 16, 64):
        for replicas in (1, 2):
            for load in (0.3, 0.6):
                for hedge in (None, late) if replicas > 1 else (None,):
                    setup = Setup(shards, replicas, 1000 * load * replicas / each, hedge)
                    taken = Simulation(setup, service, overhead).run(queries)
                    shown = "never" if hedge is None else f"{hedge:.2f} ms"
                    rows.append((shards, replicas, load, shown, *percentiles(taken)))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measured", type=Path, required=True)
    parser.add_argument("--sweep", action="store_true")
    given = parser.parse_args()
    told = json.loads(given.measured.read_text())
    print(json.dumps(predicted(told), indent=1))
    if given.sweep:
        print("| shards | replicas | load | hedged after | p50 ms | p95 ms | p99 ms |\n|---|---|---|---|---|---|---|")
        for row in sweep(told):
            print("|", " | ".join(map(str, row)), "|")


if __name__ == "__main__":
    main()

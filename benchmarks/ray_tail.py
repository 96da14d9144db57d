"""A discrete-event simulation of queries over shards, fed with measured demands: where the tail of a fan-out bites.

    python benchmarks/ray_tail.py --measured out.json             # what ray_search.py wrote: predicted beside measured
    python benchmarks/ray_tail.py --measured out.json --sweep     # shards, replicas, load, hedging

A query is a fan-out for each stage of its funnel: to one replica of every shard, in turn; the stage ends with the last
shard. Whoever works takes processor time, as `ray_demands.py` measured it: the asker for each shard, half of it to send
and half to take what comes back, and for each stage; a shard for its stage, drawn from its measured times, and for
Ray's call beside. A shard does one thing after another, and so do askers, which are threads of one Python. On a machine
of so many `cores`, what of them Ray's own processes leave is shared evenly by all that have something to do; without,
each has a core of its own. What a call takes beyond that is a delay, in which nobody works, and a wait until a process
that has something to do is woken, and its memory is in the caches again.
benchmarks/ray_out_of_sample.py compares it with configurations that it was not fitted to. A hedge is a second question
to the next replica, after so many ms; nobody tells the first that it is needed no more, as in
mrl_search/scale/asking.py.
"""

import argparse
import heapq
import json
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np


@dataclass
class Demands:
    """Core-milliseconds. service: of each stage the measured times of a shard. ask: of the asker, for each shard.
    merge: of the asker, for each stage. call: of Ray, for each shard, beside the shard's work. delay: measured ms of
    a call, there and back, in which nobody works. wait: the mean of what a call waits beyond that, exponential; it is
    `fitted`. background: cores that nobody here gets: what all other processes hold."""

    service: list
    ask: float = 0.0
    merge: float = 0.0
    call: float = 0.0
    delay: list = field(default_factory=lambda: [0.0])
    background: float = 0.0
    wait: float = 0.0


@dataclass
class Setup:
    """shards, replicas of each; rate: queries a second, Poisson, each with an asker of its own; 0 for one after
    another, by each of so many askers of one process; hedge_ms: None for never; cores: None for one each."""

    shards: int
    replicas: int = 1
    rate: float = 0.0
    hedge_ms: float | None = None
    cores: int | None = None
    askers: int = 1


@dataclass
class Query:
    began: float
    asker: object
    stage: int = -1
    waiting: set = field(default_factory=set)


class Cores:
    """Work that is shared evenly: each that has something to do gets min(1, cores / how many they are) of a core."""

    def __init__(self, cores):
        self.cores, self.served, self.running, self.order = cores, 0.0, [], count()

    @property
    def rate(self):
        return 1.0 if self.cores is None or not self.running else min(1.0, self.cores / len(self.running))

    def start(self, work, then):
        """served: what each has got that ran all the time; a work ends when that has grown by as much."""
        heapq.heappush(self.running, (self.served + work, next(self.order), then))

    def ends_in(self):
        """How long until the next is done."""
        return max(0.0, self.running[0][0] - self.served) / self.rate if self.running else float("inf")

    def advance(self, time):
        self.served += time * self.rate

    def take(self):
        """What follows the one that is done."""
        self.served, _, then = heapq.heappop(self.running)
        return then


class Simulation:
    """Milliseconds throughout."""

    def __init__(self, setup, demands, seed=0):
        self.setup, self.demands = setup, demands
        self.random = np.random.default_rng(seed)
        self.cores = Cores(setup.cores and setup.cores - demands.background)
        self.now, self.events, self.order, self.turn = 0.0, [], count(), 0
        self.queues = {}  # of a place, which does one thing after another; the first of them is being done
        self.taken = []

    def run(self, queries):
        """The time of each query."""
        at = 0.0
        for number in range(queries if self.setup.rate else self.setup.askers):
            at += self.random.exponential(1000 / self.setup.rate) if self.setup.rate else 0.0
            self.after(at, self.arrive, number)
        while len(self.taken) < queries:
            to_end = self.cores.ends_in()
            to_event = self.events[0][0] - self.now if self.events else float("inf")
            self.now += min(to_end, to_event)
            self.cores.advance(min(to_end, to_event))
            if to_end <= to_event:
                self.cores.take()()
            else:
                _, _, do, what = heapq.heappop(self.events)
                do(*what)
        return np.array(self.taken)

    def arrive(self, number):
        self.next_stage(Query(self.now, ("asker", number if self.setup.rate else 0)))

    def after(self, time, do, *what):
        heapq.heappush(self.events, (self.now + time, next(self.order), do, what))

    def work(self, place, work, then, *what):
        """At its turn in that place."""
        queue = self.queues.setdefault(place, deque())
        queue.append((work, then, what))
        if len(queue) == 1:
            self._begin(place)

    def _begin(self, place):
        self.cores.start(self.queues[place][0][0], lambda: self._end(place))

    def _end(self, place):
        _, then, what = self.queues[place].popleft()
        if self.queues[place]:
            self._begin(place)
        then(*what)

    def drawn(self, times):
        return float(times[self.random.integers(len(times))])

    def next_stage(self, query):
        """Or the end."""
        query.stage += 1
        if query.stage == len(self.demands.service):
            self.taken.append(self.now - query.began)
            if not self.setup.rate:
                self.next_stage(Query(self.now, query.asker))
            return
        query.waiting = set(range(self.setup.shards))
        self.turn += 1
        for shard in range(self.setup.shards):
            self.work(query.asker, self.demands.ask / 2, self.sent, query, query.stage, shard, self.turn)

    def sent(self, query, stage, shard, turn):
        self.ask(query, stage, shard, turn)
        if self.setup.hedge_ms is not None and self.setup.replicas > 1:
            self.after(self.setup.hedge_ms, self.hedge, query, stage, shard, turn + 1)

    def hedge(self, query, stage, shard, turn):
        if query.stage == stage and shard in query.waiting:
            self.ask(query, stage, shard, turn)

    def ask(self, query, stage, shard, turn):
        wait = self.random.exponential(self.demands.wait) if self.demands.wait else 0.0
        half = (self.drawn(self.demands.delay) + wait) / 2
        self.after(half, self.asked, query, stage, shard, turn % self.setup.replicas, half)

    def asked(self, query, stage, shard, replica, half):
        work = self.drawn(self.demands.service[stage]) + self.demands.call
        self.work((shard, replica), work, self.after, half, self.answered, query, stage, shard)

    def answered(self, query, stage, shard):
        if query.stage == stage and shard in query.waiting:
            query.waiting.discard(shard)
            self.work(query.asker, self.demands.ask / 2, self.took, query, not query.waiting)

    def took(self, query, is_last):
        if is_last:
            self.work(query.asker, self.demands.merge, self.next_stage, query)


def percentiles(taken):
    return [round(float(value), 2) for value in np.percentile(taken, [50, 95, 99])]


def fitted(setup, demands, p50, queries=1_000):
    """The demands with as much wait for each call as the measured median says, by halves, to a hundredth of a ms; none
    where the median is foretold too high without."""
    low, high = 0.0, p50
    while high - low > 0.01:
        middle = replace(demands, wait=(low + high) / 2)
        is_slower = np.median(Simulation(setup, middle).run(queries)) > p50
        low, high = (low, middle.wait) if is_slower else (middle.wait, high)
    return replace(demands, wait=(low + high) / 2)


def off(found, wanted):
    """By how many percent each is off."""
    return [round(100 * (a / b - 1), 1) for a, b in zip(found, wanted, strict=True)]


def predicted(told, queries=4_000):
    """p50, p95, p99 of the configuration that was measured, one query after another, and how far they are off: of what
    was measured of processors and calls, with nothing fitted to the times of queries."""
    setup = Setup(told["shards"], cores=told["cores"])
    found = percentiles(Simulation(setup, Demands(**told["demands"])).run(queries))
    measured = percentiles(told["taken_ms"]["ray"])
    return {
        "predicted_ms_p50_p95_p99": found,
        "measured_ms_p50_p95_p99": measured,
        "off_percent": off(found, measured),
    }


def sweep(told, queries=800):
    """Each replica on a core of its own; rates as shares of what a shard can do with its replicas."""
    rows, demands = [], Demands(**told["demands"])
    each = sum(float(np.mean(times)) + demands.call for times in demands.service)
    late = float(np.percentile(np.concatenate(demands.service), 95)) + demands.call + float(np.mean(demands.delay))
    for shards in (4, 16, 64):
        for replicas in (1, 2):
            for load in (0.3, 0.6):
                for hedge in (None, late) if replicas > 1 else (None,):
                    setup = Setup(shards, replicas, 1000 * load * replicas / each, hedge)
                    taken = Simulation(setup, demands).run(queries)
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

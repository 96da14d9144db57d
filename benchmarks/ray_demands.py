"""What a query takes of processors, by who works for it: what the simulation of ray_tail.py is fed with.

Processor time is what the system counts for each process (psutil), and for the asker's own thread: it says who works,
however many work at once. All of it is of one cluster, one replica of each shard and one asker.
"""

import time
from typing import NamedTuple

import numpy as np
import psutil
from ray_tail import Demands

from mrl_search.retriever import search

CALLS = 400
NOTHING = np.empty(0, np.int64)  # rows, of which a shard has nothing to tell


class Worked(NamedTuple):
    """Core-milliseconds a call: of the asker's thread; of the others in its process, Ray's; of all shards; of all
    else on this machine, Ray's too. ms: how long each call took."""

    asker: float
    around: float
    shards: float
    rest: float
    ms: list


def worked(do, calls=CALLS):
    """Who works for do(number), which is called so many times."""
    ms, before = [], _processor_ms()
    for number in range(calls):
        start = time.perf_counter()
        do(number)
        ms.append(1000 * (time.perf_counter() - start))
    after = _processor_ms()
    asker, own, shards, rest = ((after[who] - before[who]) / calls for who in ("asker", "own", "shards", "rest"))
    return Worked(asker, own - asker, shards, rest, ms)


def _processor_ms():
    """So far."""
    me, told = psutil.Process(), {"asker": 1000 * time.thread_time(), "own": 0.0, "shards": 0.0}
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
            is_ours = process == me or "ShardActor" in " ".join(process.cmdline())
        except psutil.Error:
            continue
        if is_ours:
            told["own" if process == me else "shards"] += 1000 * (times.user + times.system)
    machine = psutil.cpu_times()
    told["rest"] = 1000 * (sum(machine) - machine.idle - machine.iowait) - told["own"] - told["shards"]
    return told


def demands(remote, queries, service):
    """(Demands, what else was found) of an opened cluster.

    service: of each stage the times of a shard alone, in this process. They are stretched to what shards took of
    processors while queries were answered, when several share caches and memory.
    """
    from mrl_search.scale.ray_shards import RayShards

    index, funnel, shards = remote.index(), remote.funnel, remote.stored._shards
    count, stages = len(shards.names), len(funnel.stages)
    first = next(iter(shards._folders))
    alone = RayShards(shards._fleet, {first: shards._folders[first]})

    def answer(number):
        query = number % len(queries)
        search(index, queries[query : query + 1], funnel)

    worked(answer, 40)
    one = worked(lambda _: alone.ask("take", NOTHING))
    several = worked(lambda _: shards.ask("take", NOTHING))
    query = worked(answer)
    each = (several.asker - one.asker) / (count - 1)
    of_actor = several.shards / count
    mean = sum(float(np.mean(times)) for times in service)
    stretch = (query.shards / count - stages * of_actor) / mean
    found = Demands(
        service=stretched(service, stretch),
        ask=each,
        merge=query.asker / stages - count * each,
        call=of_actor + several.around / count,
        delay=np.maximum(0.0, np.array(one.ms) - one.asker - one.around - one.shards).tolist(),
        background=query.rest / float(np.mean(query.ms)),
    )
    told = {"nothing of one shard": one, "nothing of all": several, "a query": query}
    return found, {"stretch": stretch, "shard alone": mean, **{name: _shown(one) for name, one in told.items()}}


def stretched(service, by):
    return [(by * np.asarray(times)).tolist() for times in service]


def _shown(one):
    rounded = {name: round(value, 3) for name, value in one._asdict().items() if name != "ms"}
    return {**rounded, "ms": round(float(np.median(one.ms)), 3)}

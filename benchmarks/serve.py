"""A server under load on loopback: queries a second beside the process's own, half load, overload, soak.

    python benchmarks/serve.py --n 200000 --index FOLDER --servers 2 --seconds 20
    python benchmarks/serve.py --index FOLDER --texts QUERIES.jsonl --servers 2 --seconds 20

Without --texts: an index of the first n sentences of minilm-768 that benchmarks/search has encoded, with their texts if
--sentences names them; requests are precomputed vectors of held-out ones, as base64, answers hold texts. With --texts
the index is one that is there, and requests are texts. Over kept connections, wrk (apt-get install wrk) sends as many
as are answered, for the peak, and five times so many; a process of Python's sends half of them, at even times
and at random ones, so that a request that has to wait for its turn is not forgotten. What the load itself takes is told
beside.
"""

import argparse
import base64
import gzip
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from at_rate import apart
from search.data import DIM, ENCODER, cache_folder

import mrl_search
from mrl_search.provenance import commit, machine
from mrl_search.serve import Batching

HELD_OUT, CORES = 1_000, len(os.sched_getaffinity(0))
OVERLOAD, CONNECTIONS_TOO_MANY = (5.0, 5.8), 644  # times the peak, at least and below; connections beside full queues
_TRIES = 5  # to bring about the overload
_FIRSTS = itertools.count(step=20_000)  # each run sends other texts first: the server remembers those it was asked


def wrk(server, bodies, connections, seconds, pause_ms=0):
    """What wrk reports, and the processors' time that it and the server took, as shares of one."""
    print(f"wrk, {connections} connections, a pause of {pause_ms} ms", file=sys.stderr, flush=True)
    script, address = Path(__file__).with_suffix(".lua"), f"http://127.0.0.1:{server.port}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", str(script), address]
    before, served = resource.getrusage(resource.RUSAGE_CHILDREN), server.cpu_seconds()
    done = subprocess.run(
        command,
        env=os.environ | {"BODIES": str(bodies), "PAUSE": str(pause_ms), "FIRST": str(next(_FIRSTS))},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    after, told = resource.getrusage(resource.RUSAGE_CHILDREN), json.loads(done.stdout.splitlines()[-1])
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    good = told["good"] / told["seconds"]
    return {
        "answers_per_second": round(good, 1),
        "refused_per_second": round(told["refused"] / told["seconds"], 1),
        "other_or_failed": told["other"] + told["failed"],
        "ms_p50_p99_of_all": [told["p50"], told["p99"]],
        "server_cpus": round((server.cpu_seconds() - served) / told["seconds"], 2),
        "load_cpus": round(took / told["seconds"], 2),
    }


class Server:
    """`mrl-search serve` as so many processes, what they used, and their port."""

    def __init__(self, index, servers, window=0.0):
        command = [
            sys.executable,
            "-m",
            "mrl_search",
            "serve",
            str(index),
            "--port",
            "0",
            "--servers",
            str(servers),
            "--window",
            str(window),
            "--log-level",
            "warning",
        ]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = next(
            int(found[1]) for line in self.process.stderr if (found := re.search(r"at http://.*:(\d+)", line))
        )

    def processes(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [Path(f"/proc/{pid}") for pid in (self.process.pid, *children)]

    def cpu_seconds(self):
        times = [one.joinpath("stat").read_text().rpartition(")")[2].split()[11:13] for one in self.processes()]
        return sum(int(user) + int(system) for user, system in times) / 100

    def resident_mib(self):
        """Pages that processes share, an index's above all, are shared out among them."""
        told = [one.joinpath("smaps_rollup").read_text() for one in self.processes()]
        return round(sum(int(re.search(r"^Pss: +(\d+) kB", one, re.MULTILINE)[1]) for one in told) / 1024, 1)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def requests_of(bodies):
    head = "POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"
    coded = [json.dumps(body).encode() for body in bodies]
    return [head.format(len(body)).encode() + body for body in coded]


def told_of(found, seconds):
    good = np.array([ms for status, ms in found if status == 200])
    statuses = sorted({status for status, _ in found})
    p50, p99 = np.percentile(good, [50, 99]) if len(good) else (np.nan, np.nan)
    return {
        "answers_per_second": round(len(good) / seconds, 1),
        "ms_p50_p99": [round(float(p50), 2), round(float(p99), 2)],
        "statuses": {status: sum(one == status for one, _ in found) for status in statuses},
    }


def in_process(index, queries, seconds, at_once, *, encodes_only=False):
    """Queries a second of this process, so many in a call; vectors, or texts."""
    with mrl_search.open(index, device="cpu") as retriever:
        retriever.warm_up()
        ask = partial(retriever.search if isinstance(queries, list) else retriever.search_vectors, k=10)
        if encodes_only:
            ask = retriever.encode
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            first = count % (len(queries) - at_once + 1)
            ask(queries[first : first + at_once])
            count += at_once
        return round(count / (time.perf_counter() - start), 1)


def encoder_apart(index, queries, seconds, at_once):
    """Texts a second that one thread for each processor encodes, so many in a call: all there is to have."""
    import torch

    with mrl_search.open(index, device="cpu") as retriever, ThreadPoolExecutor(CORES) as pool:
        retriever.warm_up()

        def encode(first):
            torch.set_num_threads(1)
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                place = (first + count) % (len(queries) - at_once + 1)
                retriever.encode(queries[place : place + at_once])
                count += at_once
            return count / (time.perf_counter() - start)

        return round(sum(pool.map(encode, range(0, CORES * 10_000, 10_000))), 1)


def built(told):
    """The held-out vectors; the index is built unless it is there."""
    count = told.n + HELD_OUT
    vectors = np.fromfile(cache_folder() / f"sentences-{ENCODER}.f32", np.float32, count=count * DIM).reshape(
        count, DIM
    )
    if not told.index.exists():
        told.index.mkdir(parents=True)
        np.save(told.index / "vectors.npy", vectors[: told.n])
        texts = [f"sentence {row}" for row in range(told.n)]
        if told.sentences is not None:
            with gzip.open(told.sentences, "rt", encoding="utf-8") as lines:
                texts = list(itertools.islice((line.rstrip("\n") for line in lines), told.n))
        rows = (json.dumps({"id": str(row), "text": text}) + "\n" for row, text in enumerate(texts))
        (told.index / "corpus.jsonl").write_text("".join(rows))
        options = mrl_search.BuildOptions(vectors=told.index / "vectors.npy", rotation="pca", force=True)
        mrl_search.build(told.index / "corpus.jsonl", told.index / "index", dims=(128, 768), options=options)
    return told.index / "index", vectors[told.n :]


def put_into_cache(index):
    """Reads all files of an index, so that no disk is measured."""
    for path in index.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(2**24):
                    pass


def measured(index, queries, bodies, told):
    """All of it, as JSON would have it."""
    requests = requests_of(bodies)
    put_into_cache(index)
    result = {"in_process_one_by_one": in_process(index, queries, told.seconds, 1)}
    result["in_process_32_at_once"] = in_process(index, queries, told.seconds, 32)
    if told.texts is not None:
        for at_once in (32, 64, 256):
            result[f"encoder_{at_once}_at_once"] = in_process(index, queries, told.seconds, at_once, encodes_only=True)
        result["encoder_apart_32_at_once"] = encoder_apart(
            index, queries, told.seconds, 32
        )  # the last: torch remembers
    server = Server(index, told.servers, told.window)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(body) + "\n" for body in bodies)
        file.flush()
        path = Path(file.name)
        try:
            result |= under_load(server, path, requests, told)
        finally:
            server.stop()
    return result


def under_load(server, bodies, requests, told):
    put_into_cache(told.index)  # what ran in between may have taken its place
    wrk(server, bodies, told.connections, 3)
    result = {"peak": wrk(server, bodies, told.connections, told.seconds)}
    peak = result["peak"]["answers_per_second"]
    for name, at_random in (("half_load", False), ("half_load_at_random", True)):
        others = requests[-(next(_FIRSTS) % len(requests)) :]
        found, late, seconds = apart(server.port, others, peak / 2, told.connections, told.seconds, at_random)
        result[name] = told_of(found, seconds) | {"late": late}
    before = server.resident_mib()
    result["overload"] = overload(server, bodies, peak, told)
    result["overload"]["resident_mib"] = [before, server.resident_mib()]
    if told.soak_minutes:
        sizes = [server.resident_mib()]
        for _ in range(told.soak_minutes):
            apart(server.port, requests, peak / 2, told.connections, 60)
            sizes.append(server.resident_mib())
        result["soak_resident_mib"] = sizes
    return result


def overload(server, bodies, peak, told):
    """On as many connections as queues hold a request is under way; the others are refused, pause, and try again.

    How long a refusal takes under such a load shows only then: the pause is mended until the load is as wanted.
    """
    connections = Batching().queue * told.servers + CONNECTIONS_TOO_MANY
    wanted = sum(OVERLOAD) / 2 - 1  # of refusals
    pause = 1000 * CONNECTIONS_TOO_MANY / (wanted * peak)
    for _ in range(_TRIES):
        found = wrk(server, bodies, connections, told.seconds, max(1, round(pause)))
        times = (found["answers_per_second"] + found["refused_per_second"]) / peak
        if OVERLOAD[0] <= times < OVERLOAD[1]:
            break
        pause *= found["refused_per_second"] / peak / wanted
    share = found["answers_per_second"] / peak
    return found | {"times_the_peak": round(times, 2), "share_of_peak": round(share, 3)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--sentences", type=Path)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--window", type=float, default=0.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--soak-minutes", type=int, default=0)
    told = parser.parse_args()
    if told.texts is not None:
        index = told.index
        queries = [json.loads(line)["text"] for line in told.texts.read_text(encoding="utf-8").splitlines()]
        # a text that was asked before is remembered; each is made another
        queries = [f"{text} ({number})" for number in range(200) for text in queries]
        bodies = [{"query": text, "k": 10} for text in queries]
    else:
        index, queries = built(told)
        coded = [base64.b64encode(one.tobytes()).decode() for one in queries]
        bodies = [{"vectors": [one], "k": 10} for one in coded]
    result = {
        "n": told.n,
        "servers": told.servers,
        "connections": told.connections,
        "window_ms": told.window,
        "commit": commit(),
        "machine": machine(),
    }
    print(json.dumps(result | measured(index, queries, bodies, told), indent=1))


if __name__ == "__main__":
    main()

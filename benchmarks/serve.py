"""A server under load on loopback: queries a second beside the process's own, half load, overload, soak.

    python benchmarks/serve.py --n 200000 --index FOLDER --seconds 20
    python benchmarks/serve.py --index FOLDER --texts QUERIES.jsonl --seconds 20

Without --texts: an index of the first n sentences of minilm-768 that benchmarks/search has encoded, with their texts if
--sentences names them; requests are precomputed vectors of held-out ones, as base64, answers hold texts. With --texts
the index is one that is there, and requests are texts. The load comes from a process of its own, over kept connections:
closed loops for the peak, requests at fixed times for half of it and for five times of it.
"""

import argparse
import asyncio
import base64
import gzip
import itertools
import json
import multiprocessing
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from search.data import DIM, ENCODER, cache_folder

import mrl_search
from mrl_search.provenance import commit, machine

HELD_OUT = 1_000
OVERLOAD, CONNECTIONS_TOO_MANY = 5, 600


class Connection(asyncio.Protocol):
    """One kept connection: sends a request, waits for its answer."""

    def connection_made(self, transport):
        self.transport, self.buffer, self.answered = transport, b"", None

    def data_received(self, data):
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = int(re.search(rb"content-length: (\d+)", self.buffer[:head])[1])
        if len(self.buffer) >= head + 4 + length:
            status, self.buffer = int(self.buffer[9:12]), self.buffer[head + 4 + length :]
            if not self.answered.done():
                self.answered.set_result(status)

    def connection_lost(self, error):
        if self.answered is not None and not self.answered.done():
            self.answered.set_exception(ConnectionError())

    def ask(self, request):
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answered


async def closed_loop(port, requests, connections, seconds):
    """Statuses and ms of as many as the server answers on so many connections."""
    found, turn, end = [], itertools.count(), time.monotonic() + seconds

    async def one():
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
        while time.monotonic() < end:
            start = time.perf_counter()
            status = await connection.ask(requests[next(turn) % len(requests)])
            found.append((status, 1000 * (time.perf_counter() - start)))
        connection.transport.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return found


async def at_rate(port, requests, rate, connections, seconds):
    """The same for requests that are due at fixed times: ms from when each was due, whoever was late."""
    loop, found, free = asyncio.get_running_loop(), [], asyncio.Queue()
    for _ in range(connections):
        free.put_nowait((await loop.create_connection(Connection, "127.0.0.1", port))[1])
    begin, late, tasks = time.perf_counter(), 0, set()

    async def one(connection, due, request):
        status = await connection.ask(request)
        found.append((status, 1000 * (time.perf_counter() - due)))
        free.put_nowait(connection)

    for number in range(int(rate * seconds)):
        due = begin + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        if free.empty() and rate * seconds > 0 and time.perf_counter() - due > 1:
            late += 1  # this machine cannot send more
            continue
        task = asyncio.create_task(one(await free.get(), due, requests[number % len(requests)]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return found, late, time.perf_counter() - begin


def load(kind, told, results):
    """Runs in a process of its own."""
    results.put(asyncio.run({"closed": closed_loop, "rate": at_rate}[kind](*told)))


def apart(kind, *told):
    print(f"{kind} {told[2:]}", file=sys.stderr, flush=True)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=load, args=(kind, told, results))
    process.start()
    found = results.get(timeout=told[-1] * 4 + 120)
    process.join()
    return found


class Server:
    """`mrl-search serve` as a process, what it used, and its port."""

    def __init__(self, index):
        command = [
            sys.executable,
            "-m",
            "mrl_search",
            "serve",
            str(index),
            "--port",
            "0",
            "--log-level",
            "warning",
        ]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = next(
            int(found[1]) for line in self.process.stderr if (found := re.search(r"at http://.*:(\d+)", line))
        )

    def cpu_seconds(self):
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / 100

    def resident_mib(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return round(pages * resource.getpagesize() / 2**20, 1)

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


def in_process(index, queries, seconds, at_once):
    """Queries a second of this process, so many in a call; vectors, or texts."""
    with mrl_search.open(index, device="cpu") as retriever:
        retriever.warm_up()
        ask = retriever.search if isinstance(queries, list) else retriever.search_vectors
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            first = count % (len(queries) - at_once + 1)
            ask(queries[first : first + at_once], k=10)
            count += at_once
        return round(count / (time.perf_counter() - start), 1)


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


def measured(index, queries, bodies, told):
    """All of it, as JSON would have it."""
    requests = requests_of(bodies)
    result = {"in_process_one_by_one": in_process(index, queries, told.seconds, 1)}
    result["in_process_32_at_once"] = in_process(index, queries, told.seconds, 32)
    server = Server(index)
    try:
        apart("closed", server.port, requests, told.connections, 3)
        before = server.cpu_seconds()
        found = apart("closed", server.port, requests, told.connections, told.seconds)
        result["peak"] = told_of(found, told.seconds)
        result["peak"]["server_cpu_ms_per_request"] = round(1000 * (server.cpu_seconds() - before) / len(found), 3)
        peak = result["peak"]["answers_per_second"]
        found, late, seconds = apart("rate", server.port, requests, peak / 2, told.connections, told.seconds)
        result["half_load"] = told_of(found, seconds) | {"late": late}
        before = server.resident_mib()
        found, late, seconds = apart("rate", server.port, requests, OVERLOAD * peak, CONNECTIONS_TOO_MANY, told.seconds)
        result["overload"] = told_of(found, seconds) | {"asked_per_second": round(len(found) / seconds), "late": late}
        result["overload"]["resident_mib"] = [before, server.resident_mib()]
        if told.soak_minutes:
            sizes = [server.resident_mib()]
            for _ in range(told.soak_minutes):
                found, _, _ = apart("rate", server.port, requests, peak / 2, told.connections, 60)
                sizes.append(server.resident_mib())
            result["soak_resident_mib"] = sizes
    finally:
        server.stop()
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--sentences", type=Path)
    parser.add_argument("--texts", type=Path)
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
    result = {"n": told.n, "connections": told.connections, "commit": commit(), "machine": machine()}
    print(json.dumps(result | measured(index, queries, bodies, told), indent=1))


if __name__ == "__main__":
    main()

"""Requests that are sent when they are due, from a process of their own: for serve.py and reload.py."""

import asyncio
import multiprocessing
import re
import sys
import time

import numpy as np


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


async def at_rate(port, requests, rate, connections, seconds, at_random=False):
    """Statuses and ms of requests that are due at even times, or as those of many who know nothing of each other
    (Poisson): from when each was due, whoever was late."""
    loop, found, free = asyncio.get_running_loop(), [], asyncio.Queue()
    for _ in range(connections):
        free.put_nowait((await loop.create_connection(Connection, "127.0.0.1", port))[1])
    gaps = np.random.default_rng(0).exponential(1 / rate, int(rate * seconds)) if at_random else None
    dues = np.arange(int(rate * seconds)) / rate if gaps is None else np.cumsum(gaps)
    begin, late, tasks = time.perf_counter(), 0, set()

    async def one(connection, due, request):
        status = await connection.ask(request)
        found.append((status, 1000 * (time.perf_counter() - due)))
        free.put_nowait(connection)

    for number, after in enumerate(dues.tolist()):
        due = begin + after
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        if free.empty() and time.perf_counter() - due > 1:
            late += 1  # this machine cannot send more
            continue
        task = asyncio.create_task(one(await free.get(), due, requests[number % len(requests)]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return found, late, time.perf_counter() - begin


def load(told, results):
    """Runs in a process of its own, on the server's kind of loop: it takes a third less from the server."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results.put(runner.run(at_rate(*told)))


def apart(*told):
    print(f"at {told[2:]}", file=sys.stderr, flush=True)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=load, args=(told, results))
    process.start()
    found = results.get(timeout=told[4] * 4 + 120)
    process.join()
    return found

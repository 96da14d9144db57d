"""A real server on a free port, in a thread of the test's process."""

import asyncio
import contextlib
import socket
import threading
import time
from dataclasses import replace

import httpx2

from mrl_search.serve import Settings
from mrl_search.serve.running import bound, made_server

WAIT = 60.0  # seconds: kernels may have to be compiled


@contextlib.contextmanager
def served(*indexes, store=None, **told):
    """The server, and a client of it; both go when the block ends. store: as `made_server` takes it."""
    settings = Settings(tuple(indexes), **{"port": 0, "device": "cpu", **told})
    addresses = []
    listens = threading.Event()

    def tell(address):
        addresses.append(address)
        listens.set()

    server, listening = made_server(settings, tell, store), bound(settings)
    failures = []

    def run():
        try:
            with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
                runner.run(server.serve(sockets=[listening]))
        except BaseException as error:
            failures.append(error)
            listens.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert listens.wait(WAIT)
    if failures:
        thread.join()
        listening.close()
        raise failures[0]
    try:
        with httpx2.Client(base_url=addresses[0], timeout=WAIT, verify=False) as client:
            yield server, client
    finally:
        server.should_exit = True
        thread.join(WAIT)
        listening.close()
        assert not thread.is_alive()
        assert not failures


def with_limits(**told):
    """Limits but for these."""
    from mrl_search.serve import Limits

    return replace(Limits(), **told)


def connection(client, receives=None):
    """A socket connected to the client's server. receives: bytes that it takes before it is read from."""
    connected = socket.socket()
    if receives is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    connected.settimeout(10)
    connected.connect((client.base_url.host, client.base_url.port))
    return connected


def until(holds):
    """Waits for it."""
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)

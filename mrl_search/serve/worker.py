"""A server that listens nowhere: one of several processes, which is given connections."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from functools import partial
from pathlib import Path

from mrl_search.serve.engine import Engine
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.rates import Rates
from mrl_search.serve.running import Server, keep_what_is_loaded, made_config
from mrl_search.serve.settings import Settings
from mrl_search.serve.store import Store

_LOG = logging.getLogger(__name__)
READY, GIVEN = b"ready", b"given"


class Worker(Server):
    """Says READY over a channel once its indexes are open; with each GIVEN that comes then is a connection.

    folder: where all workers count together. Raises as `made_config` and Rates.
    """

    def __init__(self, settings: Settings, store: Store, channel: socket.socket, folder: Path) -> None:
        engine = Engine(settings, Metrics(folder), store)
        rates = Rates(settings.limits.requests_per_second, folder / "callers")
        super().__init__(made_config(settings, engine, rates), engine, lambda address: None)
        self._channel = channel
        self._connecting: dict[asyncio.Task[None], None] = {}  # the oldest first; uvicorn's would be waited for

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As Server."""
        await super().startup(sockets)
        keep_what_is_loaded()
        self._channel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._channel, self._take)
        with contextlib.suppress(ConnectionError):  # whoever gives has ended, which is heard of next
            self._channel.send(READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no more, and hangs up on whom it did not take; then as Server."""
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.shutdown(socket.SHUT_RD)  # whoever gives sees that, and goes to the next
        while given := socket.recv_fds(self._channel, len(GIVEN), 1)[1]:
            os.close(given[0])
        for task in self._connecting:  # who has not even agreed on TLS
            task.cancel()
        await super().shutdown(sockets)

    def _take(self) -> None:
        """All that is there: were it one at each turn of a busy loop, hundreds that come at once would wait long."""
        with contextlib.suppress(BlockingIOError):
            while True:
                message, given, *_ = socket.recv_fds(self._channel, len(GIVEN), 1)
                if not message:  # whoever gives has ended
                    asyncio.get_running_loop().remove_reader(self._channel)
                    self.should_exit = True
                    return
                if not given:  # the system drops what there is no room for
                    _LOG.error("this process has no file descriptor left for another connection; it was closed")
                for one in given:
                    if self.config.ssl is not None and len(self._connecting) >= self.engine.settings.connections:
                        oldest = next(iter(self._connecting))  # who has said nothing for longest
                        del self._connecting[oldest]
                        oldest.cancel()
                    connection = socket.socket(fileno=one)
                    task = asyncio.create_task(self._connect(connection))
                    self._connecting[task] = None
                    task.add_done_callback(partial(self._connected, connection))

    def _connected(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._connecting.pop(task, None)
        if task.cancelled():
            connection.close()

    async def _connect(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self.protocol, connection, ssl=self.config.ssl, ssl_handshake_timeout=self.handshake_seconds
            )
        except (OSError, ssl.SSLError):  # whoever called has gone, or speaks no TLS
            connection.close()

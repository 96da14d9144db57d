"""A server that listens nowhere: one of several processes, which is given connections."""

import asyncio
import contextlib
import logging
import os
import socket
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
                    self.connecting.add(socket.socket(fileno=one))

"""Connections that were accepted and have no protocol yet: who calls agrees on TLS, or is silent."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial


class Connecting:
    """Gives each connection a protocol, `most` at once: of more, who has said nothing for longest is hung up on.

    seconds: in which a caller has to agree on TLS; None where that is not spoken.
    """

    def __init__(
        self, protocol: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None, seconds: float | None, most: int
    ) -> None:
        self._protocol, self._context, self._seconds, self._most = protocol, context, seconds, most
        self._tasks: dict[asyncio.Task[None], None] = {}  # the oldest first; uvicorn's would be waited for

    def add(self, connection: socket.socket) -> None:
        """One that was accepted, and is closed here if it comes to nothing."""
        if self._context is not None and len(self._tasks) >= self._most:
            oldest = next(iter(self._tasks))
            del self._tasks[oldest]
            oldest.cancel()
        task = asyncio.create_task(self._connect(connection))
        self._tasks[task] = None
        task.add_done_callback(partial(self._connected, connection))

    def hang_up(self) -> None:
        """On all who have not even agreed on TLS."""
        for task in self._tasks:
            task.cancel()

    def _connected(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            connection.close()

    async def _connect(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._protocol, connection, ssl=self._context, ssl_handshake_timeout=self._seconds
            )
        except (OSError, ssl.SSLError):  # whoever called has gone, or speaks no TLS
            connection.close()

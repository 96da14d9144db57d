"""Whether the head of a Ray cluster still answers.

Without it Ray neither starts lost processes anew nor tells of their loss, so whoever waits would wait in vain, and
after a minute Ray ends nodes, their actors, and whatever process has joined it, without an exception.
"""

import queue
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from mrl_search.errors import ClusterError

T = TypeVar("T")
_LOOK_SECONDS = 1.0  # between two looks, and that one may take
_SILENT_SECONDS = 10.0  # that it may be silent: it may be busy, or being started anew


class Head:
    """The head at HOST:PORT, looked for each second by a thread of its own until this is closed.

    A look is a connection that it takes; nothing is asked. (So a head whose process is stopped, not dead, is there.)
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._silent_since: float | None = None
        self._closed = threading.Event()
        threading.Thread(target=self._look_on, name="ray-head", daemon=True).start()

    @property
    def is_lost(self) -> bool:
        """Whether it has been silent for so long that it will not come again."""
        since = self._silent_since
        return since is not None and time.monotonic() - since >= _SILENT_SECONDS

    def demand(self) -> None:
        """Raises ClusterError if it is lost."""
        if self.is_lost:
            raise ClusterError(
                f"the head of the Ray cluster at {self._address} does not answer any more; start Ray anew with `ray "
                "start --head`, and do this again: what is committed is on disk, and a build goes on where it was"
            )

    def heeded(self, items: Iterable[T]) -> Iterator[T]:
        """The items as they come; raises ClusterError instead of waiting for one that will not come."""
        found: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()

        def fetch() -> None:
            try:
                for item in items:
                    found.put((item,))
                found.put(None)
            except BaseException as error:
                found.put(error)

        threading.Thread(target=fetch, daemon=True).start()
        while True:
            try:
                told = found.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self.demand()
                continue
            if told is None:
                return
            if isinstance(told, BaseException):
                raise told
            yield told[0]

    def close(self) -> None:
        """Looks no more."""
        self._closed.set()

    def _look_on(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            at = time.monotonic()
            if takes_connections(self._address, _LOOK_SECONDS):
                self._silent_since = None
            elif self._silent_since is None:
                self._silent_since = at


def takes_connections(address: str, seconds: float) -> bool:
    """Whether somebody does at HOST:PORT, within so many seconds."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), seconds).close()
    except OSError:
        return False
    return True

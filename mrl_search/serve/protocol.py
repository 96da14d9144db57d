"""uvicorn's HTTP protocol, for callers that send headers slowly or without end."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEADER_BYTES = 64 * 1024


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose headers are not there in time, or are too long; uvicorn waits for ever."""

    headers_seconds = 10.0
    _slow: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's; the first request is waited for."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; bytes of unfinished headers are counted."""
        super().data_received(data)
        if self._in_headers and self._slow is not None:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self._close()

    def on_message_begin(self) -> None:
        """As uvicorn's; the headers are waited for."""
        self._in_headers = True
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """As uvicorn's; they are there."""
        self._in_headers = False
        self._stop_waiting()
        super().on_headers_complete()

    def _wait(self) -> None:
        if self._slow is None:
            self._header_bytes = 0
            self._slow = self.loop.call_later(self.headers_seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _close(self) -> None:
        self._slow = None
        if not self.transport.is_closing():
            self.transport.close()

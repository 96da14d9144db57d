"""uvicorn's HTTP protocol, for callers that are slow, endless, or too many."""

import asyncio
from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mrl_search.serve.admission import QUEUED, Admission
from mrl_search.serve.guard import GONE
from mrl_search.serve.settings import Timeouts

MOST_HEADER_BYTES = 64 * 1024
_GOODBYE_SECONDS = 1.0
_HEADERS, _BODY, _NOTHING = "headers", "body", ""


def _nothing() -> None:
    """Before a request came to the app there is nothing to stop."""


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose headers or body do not come in time, or whose answers are not taken; uvicorn waits.

    Headers may have so many bytes, and those that came in the packet they began in. The app itself refuses bodies that
    come too slowly; those that are yet to come after an answer are waited for here.
    """

    times = Timeouts()
    admission: Admission
    _reads = _NOTHING
    _timer: asyncio.TimerHandle | None = None
    _untaken: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _has_begun = False
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's; the first request is waited for."""
        super().connection_made(transport)
        self._reads = _HEADERS
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's; nothing more is done for whoever went."""
        self._stop_waiting()
        self.resume_writing()
        if self.cycle is not None and not self.cycle.response_complete:
            cast("dict[str, Any]", self.cycle.scope).get(GONE, _nothing)()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; what is not all there is waited for."""
        before, self._has_begun = self._reads, False
        super().data_received(data)
        if self._reads == _NOTHING:
            self._stop_waiting()
        elif self._has_begun or self._reads != before:
            self._stop_waiting()
            self._wait()
        elif self._reads == _HEADERS:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self._close()

    def on_message_begin(self) -> None:
        """As uvicorn's."""
        self._reads, self._header_bytes, self._has_begun, self._is_refused = _HEADERS, 0, True, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """As uvicorn's; but where the queue is full, most are refused here."""
        self._reads = _BODY
        if self.admission.is_full and self._may_be_refused():
            self._is_refused = True
            self.transport.write(self.admission.refusal(self.url.decode("ascii"), self.server_state.default_headers))
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """As uvicorn's; nobody wants that of a refused request."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """As uvicorn's."""
        self._reads = _NOTHING
        if not self._is_refused:
            super().on_message_complete()
        else:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def pause_writing(self) -> None:
        """As uvicorn's; whoever does not take what was sent is not waited for."""
        super().pause_writing()
        if self._untaken is None:
            self._untaken = self.loop.call_later(self.times.taken, self.transport.abort)

    def resume_writing(self) -> None:
        """As uvicorn's."""
        super().resume_writing()
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def shutdown(self) -> None:
        """As uvicorn's; TLS would wait half a minute for an idle caller to say goodbye, too."""
        super().shutdown()
        self.loop.call_later(_GOODBYE_SECONDS, self._leave)

    def _leave(self) -> None:
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            self.transport.abort()
        else:  # an answer is yet to come, or to be taken
            self.loop.call_later(_GOODBYE_SECONDS, self._leave)

    def _may_be_refused(self) -> bool:
        """Whether it is a plain request for a queue: not from another page, which could not read this answer, nor one
        that closes the connection, or waits for another's answer on it."""
        return (
            self.url.decode("latin-1") in QUEUED
            and (self.cycle is None or self.cycle.response_complete)
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not any(name == b"origin" for name, _ in self.headers)
        )

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if app is self.app and cycle.scope["path"] in QUEUED:
            self.admission.enter()  # the app, whose task this starts, leaves
        super()._start_asgi_task(cycle, app)

    def _wait(self) -> None:
        seconds = self.times.headers if self._reads == _HEADERS else self.times.body + 1
        self._timer = self.loop.call_later(seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()

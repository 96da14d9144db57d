"""uvicorn's HTTP protocol, for callers that are slow, endless, or too many."""

import asyncio
import re
from collections.abc import Sized
from typing import Any, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mrl_search.serve.admission import QUEUED, Admission
from mrl_search.serve.guard import GONE
from mrl_search.serve.settings import Timeouts

MOST_HEADER_BYTES = 64 * 1024
_GOODBYE_SECONDS = 1.0
_HEADERS, _BODY, _NOTHING = "headers", "body", ""
# No request of another page, which could not read a refusal made here, nor one that closes the connection, or whose
# body has no length of its own. Whatever is written otherwise than usual goes the ordinary way.
_SPECIAL = rb"origin:|content-length:|transfer-encoding:|connection:(?!\ ?keep-alive\r)|expect:|upgrade:"
_USUAL = rb"(?:(?!(?i:%b))[\w-]+:[^\r\n\0]*\r\n)*" % _SPECIAL
PLAIN = re.compile(
    rb"POST (%b) HTTP/1\.1\r\n%b(?i:content-length): *(\d{1,15})\r\n%b\r\n"
    % ("|".join(sorted(QUEUED)).encode(), _USUAL, _USUAL)
)


def _nothing() -> None:
    """Before a request came to the app there is nothing to stop."""


class _Parser(httptools.HttpRequestParser):  # type: ignore[misc]
    """httptools', which takes a request that offers another protocol as if it did not, as RFC 9110 (7.8) allows.

    httptools ends such a request with its headers: curl's and Java's clients offer HTTP/2, and their bodies were lost,
    or read as requests of their own.
    """

    def __init__(self, protocol: "PatientProtocol") -> None:
        super().__init__(protocol)
        self._protocol = protocol
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def feed_data(self, data: bytes) -> None:
        """As httptools'."""
        rest = memoryview(data)
        while rest:
            try:
                super().feed_data(rest)
            except httptools.HttpParserUpgrade as offered:
                if self.get_method() == b"CONNECT":
                    raise httptools.HttpParserError("this is no proxy") from None
                super().feed_data(self._protocol.head_without_offer())
                rest = rest[offered.args[0] :]
            else:
                return


class _Flow(FlowControl):
    """uvicorn's, which reads nothing while requests wait for those before them.

    uvicorn reads on for each body that an app asks for, and after each answer, whatever waits: a packet of two thousand
    requests for one.
    """

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """As uvicorn's."""
        if not self._waiting and not self._transport.is_closing():
            super().resume_reading()


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
    _unwanted = 0  # bytes of a refused request that are yet to come
    _offers = False  # another protocol, the request that is read now, which comes again without that

    def __init__(self, *given: Any, **told: Any) -> None:
        super().__init__(*given, **told)
        self.parser = None  # until a caller is connected: it and this know each other, which only a collector ends

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's; the first request is waited for."""
        super().connection_made(transport)
        self.parser = _Parser(self)
        self.flow = _Flow(transport, self.pipeline)
        self._timer = self.loop.call_later(self.times.headers, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's; nothing more is done for whoever went."""
        self._stop_waiting()
        self.resume_writing()
        if self.cycle is not None and not self.cycle.response_complete:
            cast("dict[str, Any]", self.cycle.scope).get(GONE, _nothing)()
        super().connection_lost(exc)
        self.parser = self.cycle = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; what is not all there is waited for. Where the queue is full, most goes no further."""
        before, self._has_begun = self._reads, False
        if rest := self._not_refused(data):
            super().data_received(rest)
        if self._reads == _NOTHING and not self._is_idle:  # uvicorn waits for the next request once this is answered
            self._stop_waiting()
        elif self._has_begun or self._reads != before or self._reads == _NOTHING:
            self._stop_waiting()
            self._wait()
        elif self._reads == _HEADERS:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self._close()

    def on_message_begin(self) -> None:
        """As uvicorn's."""
        self._reads, self._header_bytes, self._has_begun = _HEADERS, 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """As uvicorn's."""
        self._reads = _BODY
        self._offers = self.parser.should_upgrade()
        if not self._offers:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """As uvicorn's."""
        self._reads = _NOTHING
        if not self._offers:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """As every other refusal; uvicorn's is plain text."""
        self.transport.write(self.admission.not_http(self.server_state.default_headers))
        self.transport.close()

    def head_without_offer(self) -> bytes:
        """The head of the request that was read last, as that of one which offers no other protocol."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b: %b\r\n" % line for line in self.headers if line[0] != b"upgrade"]
        return b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, b"".join(lines))

    def on_response_complete(self) -> None:
        """As uvicorn's, which takes the last of those that wait after it would have read on."""
        super().on_response_complete()
        self.flow.resume_reading()

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

    @property
    def _is_idle(self) -> bool:
        """Whether whatever was asked has come, and was answered."""
        return self._reads == _NOTHING and (self.cycle is None or self.cycle.response_complete)

    def _not_refused(self, data: bytes) -> bytes:
        """What is left of it without plain requests for a queue that is full, which are refused, and their bodies."""
        data = self._wanted(data)
        while data and self._is_idle and self.admission.is_full and not self.flow.write_paused:
            plain = PLAIN.match(data)
            if plain is None:
                break
            path, length = plain.groups()
            self._unset_keepalive_if_required()
            self.transport.write(self.admission.refusal(path.decode(), self.server_state.default_headers))
            self._unwanted = int(length)
            data = self._wanted(data[plain.end() :])
        return data

    def _wanted(self, data: bytes) -> bytes:
        """What is left of it without a refused request's body."""
        if self._unwanted:
            dropped = min(self._unwanted, len(data))
            self._unwanted, data = self._unwanted - dropped, data[dropped:]
            self._reads = _BODY if self._unwanted else _NOTHING
        return data

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if app is self.app and cycle.scope["path"] in QUEUED:
            self.admission.enter()  # the app, whose task this starts, leaves
        super()._start_asgi_task(cycle, app)

    def _wait(self) -> None:
        times = {_HEADERS: self.times.headers, _BODY: self.times.body + 1, _NOTHING: self.times.idle}
        self._timer = self.loop.call_later(times[self._reads], self._close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self.pipeline:  # nothing is read before these are answered
            self._wait()
        else:
            self.transport.close()

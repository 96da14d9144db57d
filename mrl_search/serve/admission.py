"""Who is let in while the queues are full: nobody more, and told so before anything of a request is made an object of.

Under five times the load it can answer, a server refuses four requests for each it answers; what a refusal costs is
taken from the answers. So these are bytes that are made once, and sent by the protocol itself.
"""

import asyncio
import json
import logging
from collections.abc import Iterable
from http import HTTPStatus

from mrl_search.serve.engine import Engine
from mrl_search.serve.refusals import RefusalError, busy

QUEUED = frozenset({"/v1/search", "/v1/embeddings"})
_LOG = logging.getLogger("mrl_search.serve.access")
_TELL_SECONDS = 1.0  # from one line of the log about refusals to the next

Headers = Iterable[tuple[bytes, bytes]]


class Admission:
    """Counts the queued requests that are under way: no more than may wait in a queue.

    The queues themselves are counted too late for this: what is read from many connections at once reaches them only
    when all of it was parsed.
    """

    def __init__(self, engine: Engine, headers: Headers) -> None:
        """headers: of every answer of the API."""
        self._engine, self._headers = engine, list(headers)
        self._under_way = 0
        self._untold = 0
        self._dated: Headers = ()
        self._refusal = b""

    @property
    def is_full(self) -> bool:
        """Whether one more request would have to be refused."""
        return self._under_way >= self._engine.settings.batching.queue or self._engine.is_full

    def enter(self) -> None:
        """A request for a queue begins; whoever says so says `leave` when it was answered."""
        self._under_way += 1

    def leave(self) -> None:
        """It was answered."""
        self._under_way -= 1

    def refusal(self, path: str, default_headers: Headers) -> bytes:
        """All that is sent to a request of that path which is not let in; it is counted, and logged within a second.

        It is made when the default headers are others, which uvicorn makes each second, for the date is in them.
        """
        self._engine.metrics.refused_unread[path] += 1
        if not self._untold:
            asyncio.get_running_loop().call_later(_TELL_SECONDS, self._tell)
        self._untold += 1
        if default_headers is not self._dated:
            self._dated = default_headers
            self._refusal = _bytes_of(busy(self._engine.retry_seconds), [*default_headers, *self._headers])
        return self._refusal

    def not_http(self, default_headers: Headers) -> bytes:
        """All that is sent where what came is no request."""
        refusal = RefusalError(400, "not_http", "this is not HTTP/1.1", closes=True)
        return _bytes_of(refusal, [*default_headers, *self._headers])

    def _tell(self) -> None:
        self._engine.metrics.count_unread()  # another process of the server may be asked for them
        _LOG.info("overloaded", extra={"told": {"status": 429, "refused": self._untold, "seconds": _TELL_SECONDS}})
        self._untold = 0


def _bytes_of(refusal: RefusalError, headers: Headers) -> bytes:
    body = json.dumps(refusal.content).encode()
    told = {"content-type": "application/json", "content-length": str(len(body)), **refusal.headers}
    lines = [*headers, *((name.encode(), value.encode()) for name, value in told.items())]
    status = b"HTTP/1.1 %d %b\r\n" % (refusal.status, HTTPStatus(refusal.status).phrase.encode())
    return status + b"".join(b"%s: %s\r\n" % line for line in lines) + b"\r\n" + body

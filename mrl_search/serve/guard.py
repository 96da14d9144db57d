"""The gate before the API: who may enter, how large a body, how long it may take, and what is noted of it."""

import asyncio
import contextlib
import ipaddress
import itertools
import json
import logging
import re
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mrl_search.serve.admission import QUEUED, Admission
from mrl_search.serve.engine import Engine
from mrl_search.serve.keys import READ, WRITE, Keyring
from mrl_search.serve.rates import Rates
from mrl_search.serve.refusals import RefusalError, busy, refusal_of
from mrl_search.serve.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_LOG = logging.getLogger("mrl_search.serve.access")
_OPEN = {"/healthz", "/readyz", "/", "/openapi.json", "/favicon.ico"}
_UNRATED = _OPEN - {"/openapi.json"}  # a page is a dozen files, which cost nothing
_ROUTES = {"/v1/search", "/v1/documents", "/v1/embeddings", "/v1/indexes", "/v1/models", "/metrics", *_OPEN}
_TO_ORIGINS = [(b"vary", b"origin"), (b"access-control-expose-headers", b"retry-after, retry-after-ms, x-request-id")]
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
API_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
GONE = "mrl_search.gone"
"""Of a request's scope: what the protocol calls when the connection is lost."""
UNTIL = "mrl_search.until"
"""Of a request's scope: when its time is over, of time.monotonic()."""
_SERVER, _NUMBERS = secrets.token_hex(8), itertools.count()  # make an id that no other request has
_ID = re.compile(rb"[\x21-\x7e]{1,64}")


class Guard:
    """ASGI, around the app. engine is asked only whether it is full."""

    def __init__(self, app: App, settings: Settings, engine: Engine, admission: Admission, rates: Rates) -> None:
        self._app, self._settings, self._engine, self.admission = app, settings, engine, admission
        self._keys = Keyring(settings.keys) if settings.keys is not None else None
        self._rates = rates
        self._asks_for_name, self._is_local = settings.keys is None, settings.is_local
        named = settings.host, socket.gethostname(), *settings.hosts
        self._hosts = {"localhost", "127.0.0.1", "::1", *map(str.lower, named)}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request; everything that is not HTTP goes on as it is."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not spoken here")
        visit = _Visit(scope, receive, send, self._origin(scope))
        try:
            await self._admitted(visit)
        except Exception as error:
            if not visit.status:  # Starlette answers a fault, and raises it again
                await visit.refuse(refusal_of(error))
            error.__traceback__ = None  # frames that hold their error would be held by it
        finally:
            if visit.path in QUEUED:
                self.admission.leave()
            self._note(visit)

    async def _admitted(self, visit: "_Visit") -> None:
        path, method = visit.path, visit.scope["method"]
        self._check_where_from(visit)
        if method == "OPTIONS" and visit.origin and b"access-control-request-method" in visit.headers:
            await visit.preflight()
            return
        self._identify(visit, path, method)
        if path not in _UNRATED and not path.startswith("/assets/"):
            self._rate(visit)
        if path in QUEUED and self._engine.is_full:
            raise busy(self._engine.retry_seconds)
        if path.startswith("/v1/") and not self._engine.is_ready:
            raise RefusalError(503, "not_ready", "the server is starting or shutting down", retry_seconds=1)
        times = self._settings.timeouts
        seconds = visit.seconds(times.write if path == "/v1/documents" else times.request)
        await visit.answered(self._app, seconds, self._settings.limits.body_bytes, times.body)

    def _origin(self, scope: Message) -> str:
        """The origin of another page that may call, or nothing."""
        for name, value in scope["headers"]:
            if name == b"origin" and (told := value.decode("latin-1")) in self._settings.origins:
                return str(told)
        return ""

    def _check_where_from(self, visit: "_Visit") -> None:
        """Where there are no keys, whoever makes a browser call decides what it is called by: DNS rebinding."""
        host = visit.headers.get(b"host", b"").decode("latin-1")
        if sum(name == b"host" for name, _ in visit.scope["headers"]) > 1:
            raise RefusalError(400, "host_twice", "a request names one host, in one Host header")
        if self._asks_for_name and not self._is_called(_name_of(host)):
            raise RefusalError(403, "host_unknown", "this server is not called by that name; see --allow-host")
        told = visit.headers.get(b"origin", b"").decode("latin-1")
        if told and not visit.origin and told.partition("://")[2] != host:
            raise RefusalError(403, "origin_forbidden", "other pages may not call this server; see --cors")

    def _is_called(self, name: str) -> bool:
        """Whether this server goes by a name; a public one by any address, which nobody's page can be made to have."""
        return name in self._hosts or (not self._is_local and _is_address(name))

    def _identify(self, visit: "_Visit", path: str, method: str) -> None:
        """Notes the key's name in place of the address. Raises RefusalError unless the key may do this."""
        if self._keys is None or path in _OPEN or path.startswith("/assets/"):
            return
        scheme, _, secret = visit.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        key = self._keys.holder(secret.strip()) if scheme.lower() == "bearer" and secret else None
        if key is None:
            self._rate(visit)
            raise RefusalError(401, "key_unknown", "send a key this server knows: Authorization: Bearer KEY")
        visit.caller = f"key {key.name}"  # first, so that a refusal is noted with it
        needed = WRITE if path == "/v1/documents" else READ
        if needed not in key.scopes:
            raise RefusalError(403, "scope_missing", f"this key may not {needed}; method {method} of {path} needs that")

    def _rate(self, visit: "_Visit") -> None:
        """Raises RefusalError where the key, or the address, has asked as often as it may."""
        if wait := self._rates.wait_seconds(visit.caller):
            raise RefusalError(429, "rate_limited", "this key or address asks too often", retry_seconds=wait)

    def _note(self, visit: "_Visit") -> None:
        visit.code = visit.code or visit.scope.get("mrl_search.code", "")
        seconds, route = time.perf_counter() - visit.start, route_of(visit.path)
        self._engine.metrics.answered(route, visit.status, visit.code, seconds)
        if not _LOG.isEnabledFor(logging.INFO):
            return
        told = {
            "request": visit.identity,
            "method": visit.scope["method"],
            "route": route,
            "status": visit.status,
            "ms": round(1000 * seconds, 2),
            "caller": visit.caller,
        }
        _LOG.info("%s", visit.code or "answered", extra={"told": told})


class _Visit:
    """One request on its way."""

    def __init__(self, scope: Message, receive: Receive, send: Send, origin: str) -> None:
        self.scope, self._receive, self._send, self.origin = scope, receive, send, origin
        self.start = time.perf_counter()
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        given = self.headers.get(b"x-request-id", b"")
        self.identity = given.decode("ascii") if _ID.fullmatch(given) else f"{_SERVER}{next(_NUMBERS):016x}"
        self.status, self.code = 0, ""
        self.caller = str((scope.get("client") or ("unknown",))[0])
        self._limit: asyncio.Timeout | None = None
        self._is_read = self._is_gone = False

    def seconds(self, most: float) -> float:
        """Until when it must be answered: what the caller says, at most so many. Raises RefusalError."""
        told = self.headers.get(b"x-timeout-ms")
        if told is None:
            return most
        if not re.fullmatch(rb"\d{1,9}", told) or not int(told):
            raise RefusalError(422, "timeout_unreadable", "X-Timeout-Ms wants whole milliseconds, 1 to 999999999")
        return min(most, int(told) / 1000)

    async def answered(self, app: App, seconds: float, most: int, body_seconds: float) -> None:
        """Reads so many bytes at most in so long, then runs the app until it answers, its time is over, or the caller
        goes. Raises RefusalError."""
        limit = self._limit = asyncio.timeout(body_seconds)
        try:
            async with limit:
                body = iter([{"type": "http.request", "body": await self._read(most), "more_body": False}])
                self._is_read = True
                self._ends_in(seconds)
                self.scope[UNTIL] = time.monotonic() + seconds
                self.scope[GONE] = self._leave

                async def receive() -> Message:
                    return next(body, None) or await asyncio.get_running_loop().create_future()

                is_head = self.scope["method"] == "HEAD"  # of whose answer uvicorn sends no body
                await app({**self.scope, "method": "GET"} if is_head else self.scope, receive, self.send)
        except TimeoutError:
            if not limit.expired():
                raise
            if self._is_gone:
                raise RefusalError(499, "gone", "the caller went", closes=True) from None
            if not self._is_read:
                raise RefusalError(408, "body_slow", "the body did not come in time", closes=True) from None
            raise RefusalError(504, "deadline", f"not done within {seconds:g} s") from None
        finally:
            self._limit = None
            self.scope.pop(GONE, None)  # or both would hold each other until the garbage of all requests is collected

    def _leave(self) -> None:
        """The caller went: nothing is to be done for him any more."""
        self._is_gone = True
        self._ends_in(0)

    def _ends_in(self, seconds: float | None) -> None:
        """When what is done for it is stopped; never, for None."""
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)

    async def _read(self, most: int) -> bytes:
        """All of the body, if it is no longer. Raises RefusalError."""
        length = self.headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > most:
            raise _too_large(most)
        parts, size, is_more = [], 0, True
        while is_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise RefusalError(400, "gone", "the caller went", closes=True)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise _too_large(most)
            is_more = message.get("more_body", False)
        kind = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if size and kind != b"application/json":  # what another page may send unasked is none
            raise RefusalError(415, "not_json", "send the body as application/json")
        return b"".join(parts)

    async def send(self, message: Message) -> None:
        """Passes a message on, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._ends_in(None)  # what begins to be answered is answered
            told = [(b"x-request-id", self.identity.encode()), *HEADERS]
            if not any(name == b"content-security-policy" for name, _ in message["headers"]):
                told += API_HEADERS
            if self.origin:
                told += [(b"access-control-allow-origin", self.origin.encode("latin-1")), *_TO_ORIGINS]
            message = {**message, "headers": [*message["headers"], *told]}
        await self._send(message)

    async def preflight(self) -> None:
        """Tells a browser that a page of an allowed origin may call."""
        allowed = [
            (b"access-control-allow-methods", b"GET, POST, DELETE"),
            (b"access-control-allow-headers", b"authorization, content-type, x-timeout-ms, x-request-id"),
            (b"access-control-max-age", b"600"),
        ]
        await self.send({"type": "http.response.start", "status": 204, "headers": allowed})
        await self.send({"type": "http.response.body", "body": b""})

    async def refuse(self, refusal: RefusalError) -> None:
        """Answers so."""
        self.code = refusal.code
        body = json.dumps(refusal.content, ensure_ascii=False).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), **refusal.headers}
        told = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        with contextlib.suppress(OSError):  # the caller has gone
            await self.send({"type": "http.response.start", "status": refusal.status, "headers": told})
            await self.send({"type": "http.response.body", "body": body})


def _too_large(most: int) -> RefusalError:
    return RefusalError(413, "body_too_large", f"the body is larger than {most:,} bytes", closes=True)


def route_of(path: str) -> str:
    """The path's route: few of them, whatever is asked for."""
    if path in _ROUTES:
        return path
    if path.startswith("/v1/indexes/"):
        return "/v1/indexes/{name}/tuning"
    return "/assets" if path.startswith("/assets/") else "other"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name_of(host: str) -> str:
    """The Host header without its port."""
    return host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0].lower()

"""From settings to a server that runs until it is told to stop, in this process."""

import asyncio
import contextlib
import gc
import logging
import socket
import ssl
from collections.abc import Callable

import uvicorn
from threadpoolctl import threadpool_limits

from mrl_search.errors import ServeError
from mrl_search.serve.admission import Admission
from mrl_search.serve.app import create_app
from mrl_search.serve.connecting import Connecting
from mrl_search.serve.engine import Engine
from mrl_search.serve.guard import API_HEADERS, HEADERS
from mrl_search.serve.logs import write_json_lines
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.protocol import PatientProtocol
from mrl_search.serve.rates import Rates
from mrl_search.serve.settings import Settings
from mrl_search.serve.store import Store

BACKLOG = 2048
AT_ONCE = 64  # connections that are accepted before others are answered
_PAUSE = 0.5  # seconds, where none can be accepted
_COLLECT = (700, 10, 10)  # Python's own; a command that loads a model and ends has it done more seldom
_LOG = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn's, around an engine's life. tell: is called with the address once it is listened on."""

    def __init__(self, config: uvicorn.Config, engine: Engine, tell: Callable[[str], None]) -> None:
        super().__init__(config)
        self.engine, self._tell = engine, tell
        times, most = engine.settings.timeouts, engine.settings.connections
        self.connecting = Connecting(self.protocol, config.ssl, times.headers if config.ssl is not None else None, most)
        self._listening: list[socket.socket] = []  # for TLS

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Opens the indexes, then listens. Raises what opening raises."""
        await self.engine.open()
        try:
            for one in sockets or ():
                one.listen(BACKLOG)  # uvloop tells of what is wrong here as of a bad file descriptor
        except OSError as error:
            await self.engine.close()
            raise not_had(self.engine.settings, error) from error
        await super().startup([])
        loop = asyncio.get_running_loop()
        for one in sockets or ():
            if self.config.ssl is None:
                self.servers.append(await loop.create_server(self.protocol, sock=one, backlog=BACKLOG))
            else:  # that would wait for all who have not agreed on TLS
                one.setblocking(False)
                self._listening.append(one)
                self._listen_to(one)
            self._tell(address_of(one, self.engine.settings))

    def _listen_to(self, listening: socket.socket) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            for _ in range(AT_ONCE):
                self.connecting.add(listening.accept()[0])
        except (BlockingIOError, ConnectionError):  # none is left, or one has gone again
            return
        except OSError as error:  # a little later it is tried again: whoever calls is still there
            _LOG.error("no connection can be accepted: %s", error.strerror)
            loop.remove_reader(listening)
            loop.call_later(_PAUSE, self._listen_to, listening)

    def protocol(self) -> asyncio.Protocol:
        """One for a connection, as uvicorn makes them."""
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            _loop=asyncio.get_running_loop(),
        )
        return made

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens no more, finishes what was accepted, then closes the indexes.

        Not after `serve`, as one would: that ends by raising the signal it was stopped with.
        """
        for one in self._listening:
            asyncio.get_running_loop().remove_reader(one)
        self._listening.clear()
        self.connecting.hang_up()
        await super().shutdown(sockets)
        await self.engine.close()


def made_config(settings: Settings, engine: Engine, rates: Rates) -> uvicorn.Config:
    """How uvicorn serves an engine. Raises ServeError for a certificate that cannot be used."""
    times, admission = settings.timeouts, Admission(engine, [*HEADERS, *API_HEADERS])
    try:
        config = uvicorn.Config(
            create_app(settings, engine, admission, rates),
            http=type("Protocol", (PatientProtocol,), {"times": times, "admission": admission}),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whoever calls could say that he is another
            limit_concurrency=settings.connections,
            backlog=BACKLOG,
            timeout_keep_alive=round(times.idle),
            timeout_graceful_shutdown=round(times.shutdown),
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ServeError(f"the certificate or its key cannot be used: {error}") from error
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def made_server(settings: Settings, tell: Callable[[str], None], store: Store | None = None) -> Server:
    """A server that has not started. Raises as `made_config`."""
    engine = Engine(settings, Metrics(), store)
    rates = Rates(settings.limits.requests_per_second)
    return Server(made_config(settings, engine, rates), engine, tell)


def bound(settings: Settings) -> socket.socket:
    """A socket at the settings' address. Raises ServeError where it cannot be had."""
    listening = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise not_had(settings, error) from error
    return listening


def not_had(settings: Settings, error: OSError) -> ServeError:
    """Of the settings' address."""
    return ServeError(f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}")


def address_of(listening: socket.socket, settings: Settings) -> str:
    """The URL of who listens there."""
    host, port = listening.getsockname()[:2]
    scheme = "http" if settings.tls_certificate is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def serve(settings: Settings, tell: Callable[[str], None], log_level: str, store: Store | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what was accepted. Raises what opening raises, and ServeError."""

    def tell_ready(address: str) -> None:
        keep_what_is_loaded()
        tell(address)

    # what is wrong is said before a model is loaded
    server, listening = made_server(settings, tell_ready, store), bound(settings)
    with listening:
        run(server, log_level, [listening])


def keep_what_is_loaded() -> None:
    """To look through it for garbage would stop all requests for a while."""
    gc.set_threshold(*_COLLECT)
    gc.collect()
    gc.freeze()


def run(server: Server, log_level: str, sockets: list[socket.socket]) -> None:
    """A server's life, on a loop of its own. Raises what opening raises."""
    loop = server.config.get_loop_factory()
    write_json_lines(log_level)
    # BLAS's threads wait for each other by spinning: turning queries took half of all the processors' time
    with (
        contextlib.suppress(KeyboardInterrupt),  # which uvicorn raises again when all is finished
        threadpool_limits(1, user_api="blas"),
        asyncio.Runner(loop_factory=loop) as runner,
    ):
        runner.run(server.serve(sockets=sockets))

"""From settings to a server that runs until it is told to stop, in this process."""

import asyncio
import contextlib
import gc
import socket
import ssl
from collections.abc import Callable

import uvicorn
from threadpoolctl import threadpool_limits

from mrl_search.errors import ServeError
from mrl_search.serve.admission import Admission
from mrl_search.serve.app import create_app
from mrl_search.serve.engine import Engine
from mrl_search.serve.guard import API_HEADERS, HEADERS
from mrl_search.serve.logs import write_json_lines
from mrl_search.serve.metrics import Metrics
from mrl_search.serve.protocol import PatientProtocol
from mrl_search.serve.rates import Rates
from mrl_search.serve.settings import Settings
from mrl_search.serve.store import Store

BACKLOG = 2048


class Server(uvicorn.Server):
    """uvicorn's, around an engine's life. tell: is called with the address once it is listened on."""

    def __init__(self, config: uvicorn.Config, engine: Engine, tell: Callable[[str], None]) -> None:
        super().__init__(config)
        self.engine, self._tell = engine, tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Opens the indexes, then listens. Raises what opening raises."""
        await self.engine.open()
        try:
            for one in sockets or ():
                one.listen(BACKLOG)  # uvloop tells of what is wrong here as of a bad file descriptor
        except OSError as error:
            await self.engine.close()
            raise not_had(self.engine.settings, error) from error
        await super().startup([])  # uvicorn would wait for a minute for a caller to agree on TLS
        loop, secured = asyncio.get_running_loop(), self.config.ssl
        for one in sockets or ():
            server = await loop.create_server(
                self.protocol, sock=one, ssl=secured, ssl_handshake_timeout=self.handshake_seconds, backlog=BACKLOG
            )
            self.servers.append(server)
        for one in sockets or ():
            self._tell(address_of(one, self.engine.settings))

    @property
    def handshake_seconds(self) -> float | None:
        """In which a caller has to agree on TLS, if that is spoken."""
        return self.engine.settings.timeouts.headers if self.config.ssl is not None else None

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

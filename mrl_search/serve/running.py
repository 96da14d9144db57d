"""From settings to a server that runs until it is told to stop."""

import asyncio
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
from mrl_search.serve.settings import Settings
from mrl_search.serve.store import Store

_BACKLOG = 2048


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
                one.listen(_BACKLOG)  # uvloop tells of what is wrong here as of a bad file descriptor
        except OSError as error:
            await self.engine.close()
            raise _not_had(self.engine.settings, error) from error
        await super().startup(sockets)
        for one in sockets or ():
            host, port = one.getsockname()[:2]
            self._tell(f"{'https' if self.config.is_ssl else 'http'}://{f'[{host}]' if ':' in host else host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens no more, finishes what was accepted, then closes the indexes.

        Not after `serve`, as one would: that ends by raising the signal it was stopped with.
        """
        await super().shutdown(sockets)
        await self.engine.close()


def made_server(settings: Settings, tell: Callable[[str], None], store: Store | None = None) -> Server:
    """A server that has not started. Raises ServeError for a certificate that cannot be used."""
    times, engine = settings.timeouts, Engine(settings, Metrics(), store)
    admission = Admission(engine, [*HEADERS, *API_HEADERS])
    try:
        config = uvicorn.Config(
            create_app(settings, engine, admission),
            http=type("Protocol", (PatientProtocol,), {"times": times, "admission": admission}),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whoever calls could say that he is another
            limit_concurrency=settings.connections,
            backlog=_BACKLOG,
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
    return Server(config, engine, tell)


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
        raise _not_had(settings, error) from error
    return listening


def _not_had(settings: Settings, error: OSError) -> ServeError:
    return ServeError(f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}")


def serve(settings: Settings, tell: Callable[[str], None], log_level: str, store: Store | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what was accepted. Raises what opening raises, and ServeError."""

    def tell_ready(address: str) -> None:
        gc.collect()
        gc.freeze()  # what was loaded stays; looking through it for garbage would stop all requests for a while
        tell(address)

    # what is wrong is said before a model is loaded
    server, listening = made_server(settings, tell_ready, store), bound(settings)
    loop = server.config.get_loop_factory()
    write_json_lines(log_level)
    try:
        # BLAS's threads wait for each other by spinning: turning queries took half of all the processors' time
        with threadpool_limits(1, user_api="blas"), asyncio.Runner(loop_factory=loop) as runner:
            runner.run(server.serve(sockets=[listening]))
    except KeyboardInterrupt:  # which uvicorn raises again when all is finished
        return
    finally:
        listening.close()

"""The same HTTP API from processes of Ray Serve, before one fleet of shard actors."""

import signal
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from mrl_search.errors import ServeError
from mrl_search.scale.asking import Manners
from mrl_search.scale.cluster import is_cluster, read_cluster, shard_folder
from mrl_search.scale.opened import beside_ray
from mrl_search.scale.ray_session import joined
from mrl_search.scale.ray_shards import Fleet, RayOptions, RayShards
from mrl_search.scale.store import AnyStore
from mrl_search.serve import Settings, demand_packages
from mrl_search.terms import terms

T = TypeVar("T")
_NAME = "mrl-search"
_STARTING = 300.0  # seconds that Ray Serve may take to answer; a machine that has nothing else to do takes ten
_PATIENCE = 5.0  # seconds that a request waits for a shard whose only actor is being started anew
_UPSCALE = 5.0  # seconds that they go on before it is; Ray's 30 refuse requests meanwhile
_OPENING = 120.0  # seconds that actors may take to start and open their shards
_BUSY = 16  # requests of a process that go on at once, on average, from which on another is started


@dataclass(frozen=True)
class Running:
    """On which Ray cluster; how many replicas of each shard; how many HTTP processes at most, as the load asks for.

    idle_seconds: that fewer processes would do before one of them ends.
    """

    address: str
    replicas: int = 1
    servers: int = 1
    idle_seconds: float = 600.0


def serve_on_ray(settings: Settings, running: Running, tell: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; then all it started on Ray ends. Raises ServeError for what Ray Serve cannot."""
    demand_packages()
    if settings.tls_certificate is not None:
        raise ServeError("Ray Serve speaks no TLS; put a proxy before it, or serve without --ray")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with joined(running.address) as head:
        from ray import serve

        try:
            tell(start(settings, running))
            while True:
                time.sleep(1)
                head.demand()
        except KeyboardInterrupt:
            return
        finally:
            if not head.is_lost:
                serve.shutdown()


def start(settings: Settings, running: Running) -> str:
    """Starts it on the Ray cluster that this process has joined; returns the address once it answers."""
    from ray import serve

    manners = Manners(patience_seconds=_PATIENCE)
    seconds, device = settings.timeouts.request, settings.device
    fleet = Fleet(RayOptions(running.replicas, manners, seconds=seconds, opening_seconds=_OPENING, device=device))
    settings = replace(settings, device=beside_ray(device))
    for folder in filter(is_cluster, settings.indexes):  # what cannot be opened is said here, and not by Ray's pages
        shards = {shard.name: shard_folder(folder, shard) for shard in read_cluster(folder).shards}
        terms().settle(list(shards), list(RayShards(fleet, shards).states))

    def application() -> Living:  # a function, which Ray calls in each replica; whatever else it took for ASGI itself
        return Living(settings, fleet)

    patiently(lambda: serve.start(http_options={"host": settings.host, "port": settings.port}))
    made = serve.deployment(
        name=_NAME,
        ray_actor_options={"num_cpus": 0},
        max_ongoing_requests=settings.batching.queue,
        autoscaling_config={
            "min_replicas": 1,
            "max_replicas": running.servers,
            "target_ongoing_requests": _BUSY,
            "upscale_delay_s": _UPSCALE,
            "downscale_delay_s": running.idle_seconds,
        },
        health_check_period_s=2,
        graceful_shutdown_timeout_s=settings.timeouts.shutdown,
    )(serve.ingress(application)(Front))
    patiently(lambda: serve.run(made.bind(), name=_NAME, route_prefix="/"))
    return f"http://{settings.host}:{settings.port}"


def patiently(do: Callable[[], T], seconds: float = _STARTING, pause: float = 0.5) -> T:
    """What `do` returns once it comes through: on a busy machine Ray Serve is ready later than Ray waits for it.

    Its controller kills a proxy that is not up in 5 seconds and begins another, to which it gives more; who waits is
    told that the first died, or has waited for 60 seconds. Raises what `do` last raised, after so many seconds.
    """
    from ray.exceptions import RayActorError

    until = time.monotonic() + seconds
    while True:
        try:
            return do()
        except (RayActorError, TimeoutError):
            if time.monotonic() >= until:
                raise
        time.sleep(pause)


class Front:
    """What Ray Serve makes a replica of; requests go to the ASGI application beside it."""

    def check_health(self) -> None:
        """Raises where this replica should be replaced: Ray asks every two seconds."""
        if Living.here is not None and Living.here.has_failed:
            raise RuntimeError("the indexes could not be opened")


class Living:
    """The server's ASGI application, which opens its indexes when Ray Serve starts it and closes them when it ends."""

    here: "Living | None" = None

    def __init__(self, settings: Settings, fleet: Fleet) -> None:
        from mrl_search.serve.admission import Admission
        from mrl_search.serve.app import create_app
        from mrl_search.serve.engine import Engine
        from mrl_search.serve.guard import API_HEADERS, HEADERS
        from mrl_search.serve.metrics import Metrics
        from mrl_search.serve.rates import Rates

        self._engine = Engine(settings, Metrics(), AnyStore(partial(RayShards, fleet), is_shared=True))
        self._app = create_app(
            settings,
            self._engine,
            Admission(self._engine, [*HEADERS, *API_HEADERS]),
            Rates(settings.limits.requests_per_second),
        )
        self.has_failed = False
        Living.here = self

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        while True:
            event = (await receive())["type"]
            work = self._engine.open() if event == "lifespan.startup" else self._engine.close()
            try:
                await work
            except Exception as error:
                self.has_failed = True
                await send({"type": f"{event}.failed", "message": str(error)})
                raise
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return

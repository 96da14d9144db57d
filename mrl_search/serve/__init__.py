"""Serving indexes over HTTP: an API, a page, metrics; and a client for it.

Nothing heavy is imported before `serve` is called.
"""

from typing import TYPE_CHECKING

from mrl_search.serve.client import Client, Written
from mrl_search.serve.keys import SCOPES, create_key, read_keys, revoke_key
from mrl_search.serve.settings import Batching, Limits, Settings, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrl_search.serve.store import Store

__all__ = [
    "SCOPES",
    "Batching",
    "Client",
    "Limits",
    "Settings",
    "Timeouts",
    "Written",
    "create_key",
    "demand_packages",
    "read_keys",
    "revoke_key",
    "serve",
]


def serve(
    settings: Settings, tell: "Callable[[str], None]", log_level: str = "info", store: "Store | None" = None
) -> None:
    """Until SIGTERM or SIGINT, then finishes what was accepted; JSON lines go to stderr.

    tell: is called with the address once all indexes are open. store: one for several processes, where the settings say
    several. Raises what opening raises, ServeError, and MissingPackageError without the extra `serve`.
    """
    demand_packages()
    if settings.servers > 1:
        from mrl_search.serve.processes import serve_together as run
    else:
        from mrl_search.serve.running import serve as run
    run(settings, tell, log_level, store)


def demand_packages() -> None:
    """Raises MissingPackageError without the extra `serve`."""
    from mrl_search.errors import MissingPackageError

    try:
        import fastapi  # noqa: F401
        import httptools  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(str(error.name), "mrl-search serve", "serve") from error

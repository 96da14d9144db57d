"""Joining a Ray cluster, or starting one."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from mrl_search.errors import ClusterError, MissingPackageError
from mrl_search.scale.ray_head import Head, takes_connections

LOCAL = "local"
_PLACE = re.compile(r"[^/]+:[0-9]+")
_CONNECT_SECONDS = 10.0
_MODE = "RAY_AUTH_MODE"


def demand_ray() -> None:
    """Raises MissingPackageError without the extra `ray`. To be asked before a module is imported that imports it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # of a cluster started here; Ray's 15 is for batches, not answers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the new default, of which it else warns
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # Ray's 60 are short on a busy machine
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "120")  # and its 5 before it kills an HTTP proxy
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", "86400")  # after 60 Ray would end this process
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise MissingPackageError("ray", "a cluster on Ray", "ray") from error


@contextmanager
def joined(address: str) -> Iterator[Head]:
    """This process is a driver of that Ray cluster within the block, unless it is one already; yields its head.

    address: HOST:PORT of the head, `auto` for the cluster this node is of, `local` for one that is started here and
    ends with the block. Raises ClusterError where there is none, MissingPackageError without the extra `ray`.
    """
    demand_ray()
    import ray

    if ray.is_initialized():
        with closing(Head(ray.get_runtime_context().gcs_address)) as head:
            yield head
        return
    if _PLACE.fullmatch(address) and not takes_connections(address, _CONNECT_SECONDS):  # Ray tries for 14 minutes
        raise _none(address, "nobody takes connections there")
    told = {"include_dashboard": False} if address == LOCAL else {}
    with ExitStack() as stack:
        try:  # without an address Ray would take a cluster that somebody else started
            stack.enter_context(_as_the_head_wants(address))
            ray._raylet.Config.initialize("")  # the environment, which was read when ray was imported
            ray.init(address=address, log_to_driver=False, logging_level="error", **told)
        except Exception as error:  # ConnectionError, RuntimeError, ValueError, a bare one where a node starts slowly
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise _none(address, first) from error
        stack.callback(ray.shutdown)
        yield stack.enter_context(closing(Head(ray.get_runtime_context().gcs_address)))


def _none(address: str, why: str) -> ClusterError:
    return ClusterError(f"no Ray cluster at {address}: {why}; start one with `ray start --head`")


@contextmanager
def _as_the_head_wants(address: str) -> Iterator[None]:
    """With a token within the block, if there is one and the head wants it, unless the environment decides.

    `ray start` wants one of others if its user has one by then, and ray.init() makes him one. Ray of itself shows none.
    And who shows one wants one of the head, too: from one without he would take nothing, and all actors would end.
    """
    import ray

    if _MODE in os.environ:
        yield
        return
    try:
        if address != LOCAL and _has_token():
            os.environ[_MODE] = "token" if _wants_token(address) else "disabled"
        yield
    finally:
        os.environ.pop(_MODE, None)  # which ray.init() sets, too
        ray._raylet.Config.initialize("")  # or who joins another cluster in this process would go on as here


def _wants_token(address: str) -> bool:
    """Whether the head refuses who shows none. Raises as Ray does where there is no head."""
    import ray
    from ray._private.services import canonicalize_bootstrap_address
    from ray.exceptions import AuthenticationError

    os.environ[_MODE] = "disabled"
    ray._raylet.Config.initialize("")
    with _silent():
        try:
            ray._raylet.GcsClient(address=canonicalize_bootstrap_address(address))
        except AuthenticationError:
            return True
    return False


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing is written to file 2, where Ray's own code says that it was refused."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _has_token() -> bool:
    """Whether this user has a token for Ray clusters; one that was once started by ray.init() has made one."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named) if named else Path.home() / ".ray" / "auth_token"
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or path.is_file()

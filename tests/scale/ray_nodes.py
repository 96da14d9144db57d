"""A real Ray cluster of several nodes on this machine, each with its own processes and store."""

import os
import signal
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_STORE = 100 * 2**20


@contextmanager
def ray_nodes(count=2, cpus=1):
    """Yields the cluster, of which this process is a driver; everything it started is gone at the end."""
    environment = dict(os.environ)
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])  # this tree, not one that is installed
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # two busy cores take their time
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "300")
    os.environ.setdefault("RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S", "60")
    os.environ.setdefault("RAY_worker_niceness", "0")  # or a busy machine lets them starve
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    before = _children()
    cluster = _started(count, {"num_cpus": cpus, "object_store_memory": _STORE, "memory": 2**33})
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        cluster.wait_for_nodes()
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
        _end_all_but(before)
        os.environ.clear()
        os.environ.update(environment)


def _started(count, told, tries=10):
    """Ray gives each of its processes 30 seconds to start, and two busy cores may take longer: then all begins anew."""
    from ray.cluster_utils import Cluster

    before, cluster = _children(), None
    try:
        cluster = Cluster(initialize_head=True, head_node_args={**told, "include_dashboard": False})
        for _ in range(count - 1):
            cluster.add_node(**told)
        return cluster
    except Exception as error:  # a bare one, by Ray
        if cluster is not None:
            cluster.shutdown()
        _end_all_but(before)
        if tries == 1 or "timed out during startup" not in str(error):
            raise
    return _started(count, told, tries - 1)


def _children():
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _end_all_but(before):
    for pid in _children() - before:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_actor(actor):
    """SIGKILLs the process of an actor, as the system would that runs out of memory."""
    import ray

    os.kill(ray.get(actor.pid.remote()), signal.SIGKILL)

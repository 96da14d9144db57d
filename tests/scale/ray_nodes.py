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
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")
    os.environ.setdefault("RAY_worker_niceness", "0")  # or a busy machine lets them starve
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    from ray.cluster_utils import Cluster

    told = {"num_cpus": cpus, "object_store_memory": _STORE, "memory": 2**33}
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    cluster = Cluster(initialize_head=True, head_node_args={**told, "include_dashboard": False})
    try:
        for _ in range(count - 1):
            cluster.add_node(**told)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        cluster.wait_for_nodes()
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
        for child in psutil.Process().children(recursive=True):
            if child.pid not in before:
                _end(child.pid)
        os.environ.clear()
        os.environ.update(environment)


def _end(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_actor(actor):
    """SIGKILLs the process of an actor, as the system would that runs out of memory."""
    import ray

    os.kill(ray.get(actor.pid.remote()), signal.SIGKILL)

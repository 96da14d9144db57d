"""An HTTP process of Ray Serve that is lost, as its callers see it; and as many processes as the load asks for."""

import os
import signal
import threading
import time

import psutil
import pytest

pytest.importorskip("ray")
from ray_nodes import ray_nodes
from served_clusters import free_port

from mrl_search.scale import open_cluster
from mrl_search.serve import Settings
from mrl_search.serve.client import Client

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:ray"),
]
TEXT = "number 7"


@pytest.fixture(scope="module")
def nodes():
    with ray_nodes(1, cpus=2):
        yield


@pytest.fixture
def served(nodes, cluster):
    """Starts so many processes at most; returns the address."""
    from ray import serve

    from mrl_search.scale.ray_serving import Running, start

    def started(servers):
        settings = Settings(indexes=(cluster,), port=free_port(), device="cpu")
        return start(settings, Running("auto", servers=servers, idle_seconds=5))

    yield started
    serve.shutdown()


def http_processes():
    found = psutil.Process().children(recursive=True)
    return [one for one in found if "ray::ServeReplica:mrl-search" in " ".join(one.cmdline())]


def test_the_client_gets_every_answer_though_the_only_process_is_killed(served, cluster):
    with open_cluster(cluster) as local:
        wanted = [answer.id for answer in local.search([TEXT], 5)[0]]
    with Client(served(1), retries=8) as client:
        for kill in (False, True, False, True):
            if kill:
                (process,) = http_processes()
                os.kill(process.pid, signal.SIGKILL)
            for _ in range(5):
                assert [answer.id for answer in client.search([TEXT], 5)[0]] == wanted


def test_there_are_more_processes_under_load_and_fewer_afterwards(served):
    from ray import serve

    def running():
        (told,) = serve.status().applications["mrl-search"].deployments.values()
        return told.replica_states.get("RUNNING", 0)

    def becomes(count):
        until = time.monotonic() + 120
        while running() != count and time.monotonic() < until:
            time.sleep(0.2)
        return running() == count

    address, stopped = served(2), threading.Event()

    def ask():
        with Client(address, retries=8) as client:
            while not stopped.is_set():
                client.search([TEXT], 5)

    assert running() == 1
    callers = [threading.Thread(target=ask) for _ in range(40)]  # 16 at once are a process's share
    for caller in callers:
        caller.start()
    try:
        assert becomes(2)
    finally:
        stopped.set()
        for caller in callers:
            caller.join()
    assert becomes(1)

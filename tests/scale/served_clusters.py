"""A cluster that is served, in one process or on Ray Serve, and the API's own tests to be run against it."""

import inspect
import socket
import time
from contextlib import contextmanager

import httpx2
from serving import served

from mrl_search.scale import AnyStore
from mrl_search.serve import Settings
from tests.serve import (
    test_client,
    test_contract,
    test_documents_route,
    test_embeddings_route,
    test_metrics_route,
    test_routes,
    test_search_route,
)

MODULES = (
    test_client,
    test_contract,
    test_documents_route,
    test_embeddings_route,
    test_metrics_route,
    test_routes,
    test_search_route,
)
LEFT_OUT = {
    "test_so_does_one_that_is_sent_thousands",
    "test_fifty_thousand_bodies_gone_wrong_get_a_documented_answer",
    "test_a_document_is_found_as_soon_as_it_is_acknowledged",  # these two read and lock the files of one index
    "test_who_writes_elsewhere_is_waited_for_and_told_of",
}
TOLD = {"dims": (16, 64), "encoder": "hashing:64"}


def api_tests(*fixtures):
    """Those that ask for one of these fixtures, by name."""
    return {
        name: test
        for module in MODULES
        for name, test in vars(module).items()
        if name.startswith("test_") and name not in LEFT_OUT and {*fixtures} & {*inspect.signature(test).parameters}
    }


@contextmanager
def in_one_process(folder, **told):
    with served(folder, store=AnyStore(), **told) as both:
        yield both


@contextmanager
def on_ray_serve(folder, **told):
    """As `served`, from two HTTP processes at most, before two replicas of each shard. One at a time."""
    from ray import serve

    from mrl_search.scale.ray_serving import Running, start

    port = free_port()
    address = start(Settings(indexes=(folder,), port=port, device="cpu", **told), Running("auto", 2, 2))
    try:
        _await(port)
        with httpx2.Client(base_url=address, timeout=60) as client:
            yield None, client
    finally:
        serve.shutdown()


def free_port():
    """One that nobody listened at just now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def _await(port, seconds=300):
    """Returns once a proxy listens; Ray Serve may have begun another in the place of one that started slowly."""
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(0.2)

"""The head of a Ray cluster is looked for, and told of once it is lost; here it is a port that takes connections."""

import socket
import threading
from contextlib import closing

import pytest

from mrl_search.errors import ClusterError, CorpusError
from mrl_search.scale import ray_head
from mrl_search.scale.ray_head import Head


@pytest.fixture
def port(monkeypatch):
    """One that listens until it is closed; a head is looked for a hundred times a second, and may be silent for 0.1."""
    monkeypatch.setattr(ray_head, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(ray_head, "_SILENT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def head(port):
    with closing(Head(f"127.0.0.1:{port.getsockname()[1]}")) as found:
        yield found


def silent(head):
    """Waits until it is lost; ten seconds are a hundred times as long as that takes."""
    pause = threading.Event()
    for _ in range(1000):
        if head.is_lost:
            return
        pause.wait(0.01)
    raise AssertionError("never lost")


def test_a_head_that_takes_connections_is_there(head):
    assert not threading.Event().wait(0.3)
    head.demand()
    assert not head.is_lost


def test_one_that_takes_none_for_a_while_is_told_of_in_one_line_with_what_to_do(head, port):
    port.close()
    silent(head)
    with pytest.raises(ClusterError, match=r"^the head of the Ray cluster at 127\.0\.0\.1:\d+ .*`ray start --head`.*$"):
        head.demand()


def test_one_that_comes_back_in_time_was_never_lost(monkeypatch, head, port):
    monkeypatch.setattr(ray_head, "_SILENT_SECONDS", 60)
    place = port.getsockname()
    port.close()
    while head._silent_since is None:
        pass
    with socket.create_server(place):
        while head._silent_since is not None:
            pass
    head.demand()


def test_what_comes_while_it_is_there_is_handed_on(head):
    assert list(head.heeded(iter("abc"))) == ["a", "b", "c"]


def test_what_goes_wrong_is_raised_after_what_came_before(head):
    def some():
        yield 1
        raise CorpusError("line 2 is bad")

    found = head.heeded(some())
    assert next(found) == 1
    with pytest.raises(CorpusError, match="^line 2 is bad$"):
        next(found)


def test_what_never_comes_is_not_waited_for_without_a_head(head, port):
    never = threading.Event()

    def some():
        yield 1
        never.wait()

    found = head.heeded(some())
    assert next(found) == 1
    port.close()
    with pytest.raises(ClusterError, match="does not answer any more"):
        next(found)
    never.set()

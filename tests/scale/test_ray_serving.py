"""Starting on Ray Serve, where Ray waits for less than a busy machine takes."""

import pytest

pytest.importorskip("ray")
from ray.exceptions import ActorDiedError, RayActorError

from mrl_search.scale.ray_serving import patiently


def playing(*courses):
    """A call that raises, or returns, one of these after the other."""
    left = list(courses)

    def do():
        course = left.pop(0)
        if isinstance(course, Exception):
            raise course
        return course

    return do, left


def test_a_proxy_that_was_killed_as_it_started_is_not_the_last():
    do, left = playing(ActorDiedError(), TimeoutError("not available after 60s"), RayActorError(), "up", "never")
    assert patiently(do, pause=0) == "up"
    assert left == ["never"]


def test_patience_has_an_end():
    do, _ = playing(TimeoutError("not available after 60s"))
    with pytest.raises(TimeoutError, match="60s"):
        patiently(do, seconds=0)


def test_what_no_patience_mends_is_raised_at_once():
    do, left = playing(RuntimeError("deploying failed"), "never")
    with pytest.raises(RuntimeError, match="deploying failed"):
        patiently(do, pause=0)
    assert left == ["never"]

"""Which Ray cluster a process joins."""

import pytest

from mrl_search.errors import ClusterError

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:ray")


def asked(monkeypatch):
    """What `ray.init` is told, which starts nothing."""
    import ray

    told = {}
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **words: told.update(words))
    return told


def test_local_is_a_cluster_of_its_own_whatever_else_was_started_here(monkeypatch):
    from mrl_search.scale.ray_session import LOCAL, joined

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    told = asked(monkeypatch)
    with joined(LOCAL):
        assert told["address"] == "local" and told["include_dashboard"] is False


def test_an_address_is_joined(monkeypatch):
    from mrl_search.scale.ray_session import joined

    told = asked(monkeypatch)
    with joined("host:6379"):
        assert told["address"] == "host:6379"


@pytest.mark.parametrize("kind", [ConnectionError, Exception])  # the latter where a node starts too slowly
def test_no_cluster_there_is_told_in_one_line(monkeypatch, kind):
    import ray

    from mrl_search.scale.ray_session import joined

    def none(**_):
        raise kind("nobody answers\nand a page more")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", none)
    wanted = pytest.raises(ClusterError, match="^no Ray cluster at host:1: nobody answers; start one with `ray start")
    with wanted, joined("host:1"):
        pass

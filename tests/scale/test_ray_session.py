"""Which Ray cluster a process joins."""

import socket
from types import SimpleNamespace

import pytest

from mrl_search.errors import ClusterError

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:ray")


@pytest.fixture(autouse=True)
def token(monkeypatch, tmp_path):
    """Where this user's token would lie; he has none, and nothing says whether to show one."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    return tmp_path / "token"


def asked(monkeypatch):
    """What `ray.init` is told, which starts nothing."""
    import ray

    told = {}
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **words: told.update(words))
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(gcs_address="127.0.0.1:9"))
    return told


def test_local_is_a_cluster_of_its_own_whatever_else_was_started_here(monkeypatch):
    from mrl_search.scale.ray_session import LOCAL, joined

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    told = asked(monkeypatch)
    with joined(LOCAL):
        assert told["address"] == "local" and told["include_dashboard"] is False


@pytest.fixture
def listening():
    """HOST:PORT where somebody takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield f"127.0.0.1:{one.getsockname()[1]}"


def test_an_address_is_joined(monkeypatch, listening):
    from mrl_search.scale.ray_session import joined

    told = asked(monkeypatch)
    with joined(listening):
        assert told["address"] == listening


def test_where_nobody_listens_ray_is_not_asked_and_does_not_try_for_minutes(monkeypatch):
    from mrl_search.scale.ray_session import joined

    told = asked(monkeypatch)
    wanted = pytest.raises(
        ClusterError, match=r"^no Ray cluster at 127\.0\.0\.1:9: nobody takes connections there; star"
    )
    with wanted, joined("127.0.0.1:9"):
        pass
    assert told == {}


class Head:
    """In the place of Ray's client of a head, which takes only who shows a token."""

    def __init__(self, address):
        import os

        from ray.exceptions import AuthenticationError

        if os.environ["RAY_AUTH_MODE"] != "token":
            raise AuthenticationError("no token")


@pytest.mark.parametrize(
    ("has_token", "head", "mode"),
    [(True, Head, "token"), (True, lambda address: None, "disabled"), (False, Head, None)],
)
def test_a_token_is_shown_where_there_is_one_and_the_head_wants_it(
    monkeypatch, listening, token, has_token, head, mode
):
    import os

    import ray._raylet

    from mrl_search.scale.ray_session import joined

    if has_token:
        token.write_text("0" * 64)
    monkeypatch.setattr(ray._raylet, "GcsClient", head)
    asked(monkeypatch)
    with joined(listening):
        assert os.environ.get("RAY_AUTH_MODE") == mode
    assert "RAY_AUTH_MODE" not in os.environ  # the next cluster may want the other
    assert ray._raylet.get_authentication_mode() == ray._raylet.AuthenticationMode.DISABLED


def test_whether_a_token_is_shown_may_be_said_by_the_environment(monkeypatch, listening, token):
    import os

    from mrl_search.scale.ray_session import joined

    token.write_text("0" * 64)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    asked(monkeypatch)
    with joined(listening):
        pass
    assert os.environ["RAY_AUTH_MODE"] == "disabled"


@pytest.mark.parametrize("kind", [ConnectionError, Exception])  # the latter where a node starts too slowly
def test_no_cluster_there_is_told_in_one_line(monkeypatch, kind, listening):
    import ray

    from mrl_search.scale.ray_session import joined

    def none(**_):
        raise kind("nobody answers\nand a page more")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", none)
    wanted = pytest.raises(
        ClusterError, match=f"^no Ray cluster at {listening}: nobody answers; start one with `ray st"
    )
    with wanted, joined(listening):
        pass

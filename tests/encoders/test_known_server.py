"""A key goes to a server only if somebody but the index has named it."""

import pytest

from mrl_search.encoders import demand_known_server
from mrl_search.errors import EncoderError


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.mark.parametrize(
    "name",
    [
        "openai:m@https://evil.example/v1",
        "openai:m@http://api.openai.com/v1",  # not encrypted
        "openai:m@https://api.openai.com.evil.example/v1",
        "openai:m@https://api.openai.com:8443/v1",
        "openai:m@http://localhost.evil.example/v1",
    ],
)
def test_a_server_that_only_the_index_names_gets_no_key(name):
    with pytest.raises(EncoderError, match="if you trust that server, export OPENAI_BASE_URL=http"):
        demand_known_server(name)


@pytest.mark.parametrize(
    "name",
    [
        "openai:m",
        "openai:m@https://api.openai.com/v1",
        "openai:m@http://localhost:8000/v1",
        "openai:m@http://127.0.0.1:8000/v1",
        "openai:m@http://[::1]:8000/v1",
        "hashing:64",
        "minilm-768",
    ],
)
def test_openai_and_this_machine_are_known(name):
    demand_known_server(name)


def test_what_the_user_has_named_is_known(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://vectors.example/v1/")
    demand_known_server("openai:m@https://vectors.example/v1")
    with pytest.raises(EncoderError):
        demand_known_server("openai:m@https://vectors.example.evil/v1")


def test_without_a_key_there_is_nothing_to_lose_but_the_query(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    demand_known_server("openai:m@https://evil.example/v1")

"""From settings to a server: what cannot be is said at once, and TLS is spoken where it is asked for."""

import asyncio
import errno
import gc
import socket
import ssl
import time
from contextlib import ExitStack

import pytest
from serving import connection, served, until

from mrl_search.errors import ServeError
from mrl_search.serve import Settings, Timeouts
from mrl_search.serve.protocol import PatientProtocol
from mrl_search.serve.running import bound, made_server


def test_tls_is_spoken_where_there_is_a_certificate(library, certified):
    with served(library, **certified) as (_, client):
        assert client.base_url.scheme == "https"
        assert client.post("/v1/search", json={"query": "red fox"}).status_code == 200


def test_a_caller_who_keeps_a_tls_connection_and_is_silent_does_not_hold_up_the_shutdown(library, certified):
    context = ssl.create_default_context(cafile=certified["tls_certificate"])
    with served(library, **certified) as (_, client):
        silent = context.wrap_socket(connection(client), server_hostname="localhost")
        silent.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert silent.recv(12) == b"HTTP/1.1 200"
        start = time.monotonic()
    assert time.monotonic() - start < 10  # asyncio would wait for its goodbye for 30 s
    silent.close()


def test_who_says_nothing_where_tls_is_spoken_is_hung_up_on(library, certified):
    with served(library, timeouts=Timeouts(headers=0.5), **certified) as (_, client), connection(client) as silent:
        silent.settimeout(20)
        assert silent.recv(1) == b""


def test_of_those_who_say_nothing_where_tls_is_spoken_the_first_of_too_many_is_hung_up_on(library, certified):
    with served(library, connections=2, **certified) as (_, client), ExitStack() as all_of_them:
        silent = [all_of_them.enter_context(connection(client)) for _ in range(3)]
        assert silent[0].recv(1) == b""
        context = ssl.create_default_context(cafile=certified["tls_certificate"])
        with context.wrap_socket(connection(client), server_hostname="localhost") as caller:
            caller.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert caller.recv(12) == b"HTTP/1.1 200"


def test_where_no_tls_connection_can_be_accepted_callers_wait_and_the_log_says_why(
    library, certified, monkeypatch, caplog
):
    accept, tries = socket.socket.accept, []

    def out_of_files(listening):
        tries.append(listening)
        if len(tries) == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(listening)

    with served(library, **certified) as (_, client):
        monkeypatch.setattr(socket.socket, "accept", out_of_files)
        assert client.get("/healthz").status_code == 200
    assert len(tries) > 1
    assert "no connection can be accepted: Too many open files" in caplog.text


def test_of_callers_who_went_nothing_is_left_for_a_collector(library, certified):
    """A thousand silent ones left 100 MB, for minutes."""
    with served(library, timeouts=Timeouts(headers=0.2), **certified) as (server, client):
        gc.disable()
        try:
            client.get("/healthz")
            for _ in range(20):
                connection(client).close()
            until(lambda: protocols(server) == len(server.server_state.connections))
        finally:
            gc.enable()


def protocols(server):
    found = [one for one in gc.get_objects() if issubclass(type(one), PatientProtocol)]  # asks objects nothing
    return sum(one.server_state is server.server_state for one in found)


def test_a_certificate_that_is_none_is_an_error_before_anything_is_opened(tmp_path):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nothing")
    told = Settings((tmp_path / "nowhere",), tls_certificate=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
    with pytest.raises(ServeError, match="the certificate or its key cannot be used"):
        made_server(told, print)


def test_an_address_that_is_taken_is_an_error(tmp_path):
    first = bound(Settings((tmp_path,), port=0))
    first.listen()
    port = first.getsockname()[1]
    with pytest.raises(ServeError, match=f"127.0.0.1:{port} cannot be listened on: Address already in use"):
        bound(Settings((tmp_path,), port=port))
    first.close()


def test_an_address_that_another_takes_while_indexes_are_opened_is_the_same_error(library):
    listening = bound(Settings((library,), port=0))
    port = listening.getsockname()[1]
    server = made_server(Settings((library,), port=port, device="cpu"), print)
    with socket.socket() as other, listening:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))  # which is allowed while nobody listens
        other.listen()
        with (
            pytest.raises(ServeError, match=f"127.0.0.1:{port} cannot be listened on: Address already in use"),
            asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner,
        ):
            runner.run(server.serve(sockets=[listening]))
    assert not server.engine.is_ready


def test_the_address_is_told_once_it_is_listened_on(library):
    with served(library) as (server, client):
        assert server.engine.is_ready
        assert client.get("/healthz").status_code == 200
    assert not server.engine.is_ready

"""A server that is given its connections."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time

from mrl_search.serve import Settings, Timeouts
from mrl_search.serve.store import Folders
from mrl_search.serve.worker import GIVEN, READY, Worker

HEALTHZ = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@contextlib.contextmanager
def working(library, folder, **told):
    """A worker in a thread of the test's process, and the front's end of its channel."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    worker = Worker(Settings((library,), device="cpu", **told), Folders(is_shared=True), its, folder)

    def run():
        with asyncio.Runner(loop_factory=worker.config.get_loop_factory()) as runner:
            runner.run(worker.serve(sockets=[]))

    thread = threading.Thread(target=run)
    thread.start()
    mine.settimeout(60)
    assert mine.recv(100) == READY
    try:
        yield worker, mine
    finally:
        worker.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
        mine.close()
        its.close()


def given(channel):
    """The caller's end of a connection that was given."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        caller = socket.create_connection(listening.getsockname(), timeout=10)
        accepted, _ = listening.accept()
    with accepted:
        socket.send_fds(channel, [GIVEN], [accepted.fileno()])
    return caller


def answered(caller):
    caller.sendall(HEALTHZ)
    return caller.recv(12) == b"HTTP/1.1 200"


def test_hundreds_that_are_given_at_once_are_answered(library, tmp_path):
    with working(library, tmp_path) as (_, channel), contextlib.ExitStack() as all_of_them:
        callers = [all_of_them.enter_context(given(channel)) for _ in range(150)]
        assert all(answered(caller) for caller in callers)


def test_a_connection_that_ended_before_it_was_taken_disturbs_no_other(library, tmp_path):
    with working(library, tmp_path) as (_, channel):
        given(channel).close()
        with given(channel) as caller:
            assert answered(caller)


def test_who_speaks_no_tls_is_hung_up_on(library, tmp_path, certified):
    context = ssl.create_default_context(cafile=certified["tls_certificate"])
    with working(library, tmp_path, **certified) as (_, channel):
        with given(channel) as plain:
            plain.sendall(HEALTHZ)
            assert not plain.recv(12).startswith(b"HTTP")
        with context.wrap_socket(given(channel), server_hostname="localhost") as caller:
            assert answered(caller)


def test_callers_who_never_begin_with_tls_neither_keep_others_out_nor_hold_up_the_end(library, tmp_path, certified):
    context = ssl.create_default_context(cafile=certified["tls_certificate"])
    with contextlib.ExitStack() as all_of_them:
        with working(library, tmp_path, connections=2, **certified) as (_, channel):
            for _ in range(3):
                all_of_them.enter_context(given(channel))
            with context.wrap_socket(given(channel), server_hostname="localhost") as caller:
                assert answered(caller)
            ends = time.monotonic()
        assert time.monotonic() - ends < 10


def test_who_says_nothing_where_tls_is_spoken_is_hung_up_on_in_time_or_when_too_many_do(library, tmp_path, certified):
    times = Timeouts(headers=1.0)
    with working(library, tmp_path, connections=2, timeouts=times, **certified) as (_, channel):
        start, silent = time.monotonic(), [given(channel) for _ in range(3)]
        assert silent[0].recv(1) == b""
        assert time.monotonic() - start < 0.9  # the first of too many
        for one in silent[1:]:
            assert one.recv(1) == b""
        assert 0.9 < time.monotonic() - start < 8
    for one in silent:
        one.close()


def test_where_nobody_gives_any_more_what_was_accepted_is_finished(library, tmp_path):
    with working(library, tmp_path) as (worker, channel), given(channel) as caller:
        assert answered(caller)
        channel.close()
        end = time.monotonic() + 10
        while worker.engine.is_ready:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert caller.recv(1_000).endswith(b"}") or caller.recv(1) == b""

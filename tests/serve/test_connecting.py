"""Connections that were accepted: each has a protocol, or is hung up on."""

import asyncio
import contextlib
import socket
import ssl

import pytest
import uvloop

from mrl_search.serve.connecting import Connecting


class Says(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(b"here")
        transport.close()


@pytest.fixture
def context(certified):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certified["tls_certificate"], certified["tls_key"])
    return made


async def said(caller):
    """What a caller is told first; nothing where it is hung up on."""
    caller.setblocking(False)
    async with asyncio.timeout(10):
        return await asyncio.get_running_loop().sock_recv(caller, 4)


def connected(connecting, all_of_them):
    """The caller's end of one more connection."""
    caller, accepted = map(all_of_them.enter_context, socket.socketpair())
    connecting.add(accepted)
    return caller


def run(main):
    loop = uvloop.new_event_loop  # as the server's
    with contextlib.ExitStack() as all_of_them, asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main(all_of_them))


def test_without_tls_each_has_a_protocol_at_once():
    async def main(all_of_them):
        connecting = Connecting(Says, None, None, 1)
        return [await said(caller) for caller in [connected(connecting, all_of_them) for _ in range(3)]]

    assert run(main) == [b"here"] * 3


def test_of_too_many_silent_ones_the_first_is_hung_up_on_and_all_are_in_the_end(context):
    async def main(all_of_them):
        connecting = Connecting(Says, context, 30.0, 2)
        first, *others = [connected(connecting, all_of_them) for _ in range(3)]
        told = [await said(first)]
        connecting.hang_up()
        return told + [await said(one) for one in others]

    assert run(main) == [b""] * 3


def test_who_speaks_no_tls_or_does_not_in_time_is_hung_up_on(context):
    async def main(all_of_them):
        connecting = Connecting(Says, context, 0.1, 10)
        silent, plain = [connected(connecting, all_of_them) for _ in range(2)]
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return await said(silent)

    assert run(main) == b""

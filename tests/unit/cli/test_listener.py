"""The listening socket: where it is reached, and what its connections inherit."""

import socket
import sys

import pytest

from bullpen.cli.listener import IDLE, accepted, listen, refuse, url_of


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("10.1.2.3", "http://10.1.2.3:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_where_the_server_is_reached(host: str, url: str) -> None:
    """An address is its own; that of all interfaces is reached by loopback."""
    assert url_of(host, 8000) == url


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has no such option")
def test_a_connection_does_not_outlive_a_dead_caller() -> None:
    """A connection is probed when it is silent, and ends when nothing is taken for as long as it may be idle."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == IDLE * 1000


def test_nobody_waits_to_be_accepted() -> None:
    """Asking does not wait for somebody to come."""
    with listen("127.0.0.1", 0) as listener:
        assert accepted(listener) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no such filter")
async def test_a_socket_that_refuses_keeps_what_it_has() -> None:
    """Nobody new gets a connection; who has one is still accepted, with what was sent, and is still heard."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as early:
        early.sendall(b"early")
        await refuse(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.2)
        connection = accepted(listener)
        assert connection is not None
        with connection:
            connection.settimeout(5)
            assert connection.recv(5) == b"early"
            early.sendall(b"more")
            assert connection.recv(4) == b"more"
        assert accepted(listener) is None

"""The listening socket: where it is reached, and what its connections inherit."""

import socket

import pytest

from bullpen.cli.listener import IDLE, listen, url_of


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

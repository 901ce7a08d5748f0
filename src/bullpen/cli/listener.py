"""The socket `bullpen serve` listens on."""

import asyncio
import ctypes
import ipaddress
import socket
import struct
import sys
from contextlib import suppress
from typing import Final

import typer

from bullpen.cli.exits import FAILED

__all__ = ["IDLE", "accepted", "listen", "refuse", "url_of"]

# Seconds a connection may be without a request. Proxies keep theirs for 60 (nginx, the clouds' balancers): ours last
# longer, so that none of them sends a request into a connection that is just being closed.
IDLE: Final = 75

_IPV6: Final = 6

# Drops a packet with SYN in byte 13 of its TCP header, and lets every other pass: four instructions of BPF, each code,
# jump if true, jump if false, operand (Linux, `Documentation/networking/filter.rst`).
_NO_SYN: Final = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
_SO_ATTACH_FILTER: Final = 26
# Seconds in which a handshake that was under way is done: some round trips inside a cluster.
_HANDSHAKE: Final = 0.02


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is known before anything is opened."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _notice_the_dead(listener)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        sys.stderr.write(f"bullpen: cannot listen on {host}:{port}: {error.strerror}. Choose another with --port.\n")
        raise typer.Exit(FAILED) from None
    return listener


async def refuse(listener: socket.socket) -> None:
    """Lets no new connection begin, while those that wait are still to be accepted; then the socket can be closed.

    Without it one may come between the last accept and the close, and the system resets it with a request in it. Its
    caller tries again after a second, and finds nobody. Where the system cannot do this, nothing is changed.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in _NO_SYN))
    with suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
        )
        await asyncio.sleep(_HANDSHAKE)


def accepted(listener: socket.socket) -> socket.socket | None:
    """A connection that waits to be accepted, if there is one."""
    listener.setblocking(False)  # noqa: FBT003 -- the library's signature
    try:
        connection, _ = listener.accept()
    except OSError:
        return None
    connection.setblocking(False)  # noqa: FBT003 -- the library's signature
    return connection


def url_of(host: str, port: int) -> str:
    """Where a server on that address is reached from this machine."""
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == _IPV6 else "127.0.0.1")
    return f"http://[{address}]:{port}" if address.version == _IPV6 else f"http://{address}:{port}"


def _notice_the_dead(listener: socket.socket) -> None:
    """Ends connections whose other side is gone without a word, or takes nothing for `IDLE` seconds.

    Connections inherit it from the listener; where the system does not know an option, its own patience holds.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    patience = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": IDLE * 1000}
    for name, value in patience.items():
        if option := getattr(socket, name, None):
            listener.setsockopt(socket.IPPROTO_TCP, option, value)

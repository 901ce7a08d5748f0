"""The line between a supervisor and each of its workers: a socket pair, a word a line.

A worker says `ready` once. Its supervisor says `leave` when others stay, or `stop` when all go. When the supervisor is
gone, however it went, the line ends, and the worker takes that for `stop`: no worker outlives its supervisor by more
than its drain.
"""

import asyncio
import socket
from typing import Final

from bullpen.bootstrap import Services
from bullpen.cli.server import Server

__all__ = ["LEAVE", "READY", "STOP", "Line"]

READY: Final = b"ready\n"
LEAVE: Final = b"leave\n"
STOP: Final = b"stop\n"

_POLL: Final = 0.2


class Line:
    """A worker's end."""

    def __init__(self, end: socket.socket) -> None:
        """Takes the end over."""
        self._end = end

    async def follow(self, server: Server, _services: Services) -> None:
        """Does what the supervisor says, until the worker stops."""
        reader, _ = await asyncio.open_connection(sock=self._end.dup())
        while word := await reader.readline():
            if word == LEAVE:
                server.leave()
            else:
                server.stop()
        server.stop()

    async def report(self, server: Server, services: Services) -> None:
        """Says when the worker listens and can work; before that its predecessor stays."""
        await server.listening.wait()
        while not (await services.health.report()).ready:  # noqa: ASYNC110 -- health is asked, and tells nobody
            await asyncio.sleep(_POLL)
        self._end.send(READY)

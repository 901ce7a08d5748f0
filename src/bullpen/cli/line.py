"""The line between a supervisor and each of its workers: a socket pair, a word a line.

A worker says `ready` once, and `alive` every few seconds from then on. Its supervisor says `leave` when others stay,
or `stop` when all go. When the supervisor is gone, however it went, the line ends, and the worker takes that for
`stop`: no worker outlives its supervisor by more than its drain.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Final

from bullpen.bootstrap import Services
from bullpen.cli.server import Server

__all__ = ["ALIVE", "LEAVE", "READY", "STOP", "Line"]

READY: Final = b"ready\n"
ALIVE: Final = b"alive\n"
LEAVE: Final = b"leave\n"
STOP: Final = b"stop\n"

_POLL: Final = 0.2
_BEAT: Final = 5.0


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
        """Says when the worker listens and can work; before that its predecessor stays. Then says that it lives."""
        await server.listening.wait()
        while not (await services.health.report()).ready:  # noqa: ASYNC110 -- health is asked, and tells nobody
            await asyncio.sleep(_POLL)
        self._say(READY)
        while True:
            await asyncio.sleep(_BEAT)
            self._say(ALIVE)

    def _say(self, word: bytes) -> None:
        with suppress(OSError):  # it is gone, which `follow` hears, or stands still and has enough to read
            self._end.send(word)

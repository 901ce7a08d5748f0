"""The server of one process: opened, served until it is told to stop, and drained."""

import asyncio
import gc
import ipaddress
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from math import ceil
from types import FrameType
from typing import Any, Final, TypeAlias

import structlog
import uvicorn

from bullpen.api import Connection, Connections, create_app
from bullpen.bootstrap import Services, bootstrap
from bullpen.cli.listener import IDLE, accepted, refuse
from bullpen.settings import Settings

__all__ = ["Beside", "Server", "leave_stuck_threads", "serve_on"]

# Seconds in which requests that were given up may still say so, and threads end.
_LAST_WORDS: Final = 2.0
_TICK: Final = 0.1

_log = structlog.get_logger("bullpen.serve")


class Server(uvicorn.Server):
    """uvicorn, with a drain that loses nothing that was accepted.

    Attributes:
        listening: Set when it takes connections.
    """

    def __init__(self, services: Services, settings: Settings, *, alone: bool = True) -> None:
        """`alone` is false for a worker beside others: a signal then means it only, and not the whole server."""
        super().__init__(
            uvicorn.Config(
                create_app(services, settings),
                http=Connection,
                ws="none",
                timeout_keep_alive=IDLE,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Who is in front is not known yet, so nobody's word about the caller's address is taken.
                proxy_headers=False,
                timeout_graceful_shutdown=ceil(settings.shutdown_grace),
            )
        )
        self.server_state = self._connections = Connections()
        self._health = services.health
        self._delay = settings.drain_delay
        self._alone = alone
        self._stopping = self._leaving = False
        self.listening = asyncio.Event()

    def stop(self) -> None:
        """Not ready from now on, so that no more work is sent here; then drains. Asked twice, it ends at once."""
        self.force_exit = self.force_exit or self._stopping
        self._stopping = self._connections.draining = self.should_exit = True
        self._health.drain()

    def leave(self) -> None:
        """Drains, while other workers take what comes: they are ready. Asked twice, it ends at once."""
        self.force_exit = self.force_exit or self._leaving
        self._leaving = self._connections.draining = self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        """A signal came."""
        if self._alone:
            self.stop()
        else:
            self.leave()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes connections from here on."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets what runs finish in the grace, and gives up the rest: each is still answered, by a 503 or an event."""
        if self._stopping:
            await self._wait(self._delay)
        for listener in sockets or ():
            await self._take_the_rest(listener)
        await super().shutdown(sockets)
        left = set(self.server_state.tasks)
        for task in left:
            if not task.cancelling():
                task.cancel()
        if left:
            await asyncio.wait(left, timeout=_LAST_WORDS)

    async def _wait(self, seconds: float) -> None:
        """Until so much time is over, or nobody wants to wait any more."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.force_exit:  # noqa: ASYNC110 -- a signal handler wakes no loop
            await asyncio.sleep(_TICK)

    async def _take_the_rest(self, listener: socket.socket) -> None:
        """Takes connections that wait to be accepted: the system resets them with the last socket that listens."""
        if self._stopping:
            await refuse(listener)
        protocol = partial(
            Connection, config=self.config, server_state=self._connections, app_state=self.lifespan.state
        )
        with listener.dup() as waiting:
            for server in self.servers:
                server.close()
            while connection := accepted(waiting):
                await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)


Beside: TypeAlias = Callable[[Server, Services], Coroutine[Any, Any, None]]
"""What goes on beside a server, from before it listens until it has stopped."""


async def serve_on(
    listener: socket.socket, settings: Settings, *, beside: Sequence[Beside] = (), alone: bool = True
) -> None:
    """Serves until the server is told to stop, and closes everything.

    Args:
        listener: Bound; closed at the end.
        settings: What the operator set.
        beside: Goes on meanwhile, and is cancelled at the end.
        alone: See `Server`.

    Raises what `bootstrap` does.
    """
    host, port = listener.getsockname()[:2]
    async with bootstrap(settings, exposed=not ipaddress.ip_address(host).is_loopback) as services:
        server = Server(services, settings, alone=alone)
        # Set before uvicorn sets its own, so that no signal falls in between, and for good: stopping on demand is a
        # success, also while everything is being closed.
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, server.handle_exit)
        async with AsyncExitStack() as stack:
            for companion in beside:
                task = asyncio.create_task(companion(server, services))
                stack.push_async_callback(asyncio.wait, (task,))
                stack.callback(task.cancel)
            _log.info("serving", host=host, port=port)
            _settle()
            await server.serve(sockets=[listener])


def _settle() -> None:
    # What is here now stays until the end. Taken out of the collector's sight, it is not walked through again and
    # again while requests come and go: measured, a quarter of the CPU of a request.
    gc.collect()
    gc.freeze()
    # A run that is answered whole left no cycles when it was measured, so looking for some after every 700 objects
    # found none and cost 0.05 ms a request at 32 at once. Errors and streams may leave some; they wait longer.
    gc.set_threshold(20_000, 10, 10)


def leave_stuck_threads() -> None:
    """Ends the process where a tool's thread does not: all is closed by now, and Python would wait for it for ever."""
    others = [each for each in threading.enumerate() if each is not threading.main_thread() and not each.daemon]
    until = time.monotonic() + _LAST_WORDS
    for each in others:
        each.join(max(0.0, until - time.monotonic()))
    stuck = [each.name for each in others if each.is_alive()]
    if stuck:
        _log.warning("threads_left_behind", threads=stuck)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

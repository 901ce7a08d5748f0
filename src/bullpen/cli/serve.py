"""`bullpen serve`: the server, until it is told to stop."""

import asyncio
import gc
import ipaddress
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from math import ceil
from types import FrameType
from typing import Annotated, Final

import structlog
import typer
import uvicorn

from bullpen.api import Connection, create_app
from bullpen.bootstrap import Services, bootstrap
from bullpen.cli.exits import told
from bullpen.cli.listener import IDLE, listen, url_of
from bullpen.cli.question import ask
from bullpen.settings import Settings

__all__ = ["serve"]

# Seconds in which requests that were given up may still say so, and threads end.
_LAST_WORDS: Final = 2.0

_log = structlog.get_logger("bullpen.serve")


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but loopback needs API_SECRET_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    question: Annotated[str | None, typer.Option("--ask", help="Ask this first, and print the answer.")] = None,
) -> None:
    """Serve the catalogue over HTTP until SIGINT or SIGTERM; runs that go on are given SHUTDOWN_GRACE to finish."""
    with told():
        settings = Settings.load()
        listener = listen(host, port)
        with listener, asyncio.Runner() as runner:
            runner.run(_serve(settings, listener, question))
            _leave_stuck_threads()


async def _serve(settings: Settings, listener: socket.socket, question: str | None) -> None:
    host, port = listener.getsockname()[:2]
    async with bootstrap(settings, exposed=not ipaddress.ip_address(host).is_loopback) as services:
        server = _Server(services, settings)
        # Set before uvicorn sets its own, so that no signal falls in between. What it catches it raises again at its
        # end, and that ends here as well, because stopping on demand is a success.
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, server.handle_exit)
        asking = None
        if question:
            asking = asyncio.create_task(
                ask(question, listening=server.listening, url=url_of(host, port), services=services)
            )
        _log.info("serving", host=host, port=port)
        # What is here now stays until the end. Taken out of the collector's sight, it is not walked through again and
        # again while requests come and go: measured, a quarter of the CPU of a request.
        gc.collect()
        gc.freeze()
        # A run that is answered whole left no cycles when it was measured, so looking for some after every 700 objects
        # found none and cost 0.05 ms a request at 32 at once. Errors and streams may leave some; they wait longer.
        gc.set_threshold(20_000, 10, 10)
        await server.serve(sockets=[listener])
        if asking:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking


class _Server(uvicorn.Server):
    """uvicorn, telling readiness first when it is asked to stop, so that no more work is sent here."""

    def __init__(self, services: Services, settings: Settings) -> None:
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
        self._health = services.health
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes connections from here on."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets what runs finish in the grace, and gives up the rest: each is still answered, by a 503 or an event."""
        await super().shutdown(sockets)
        left = set(self.server_state.tasks)
        for task in left:
            if not task.cancelling():
                task.cancel()
        if left:
            await asyncio.wait(left, timeout=_LAST_WORDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came: the first starts the drain, a second ends it."""
        self._health.drain()
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)


def _leave_stuck_threads() -> None:
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

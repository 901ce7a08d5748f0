"""`bullpen serve`: the server, until it is told to stop."""

import asyncio
import gc
import ipaddress
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType
from typing import Annotated

import structlog
import typer
import uvicorn

from bullpen.api import create_app
from bullpen.bootstrap import Services, bootstrap
from bullpen.cli.exits import FAILED, told
from bullpen.cli.question import ask
from bullpen.settings import Settings

__all__ = ["serve"]

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
        listener = _listen(host, port)
        with listener, asyncio.Runner() as runner:
            runner.run(_serve(settings, listener, question))


async def _serve(settings: Settings, listener: socket.socket, question: str | None) -> None:
    host, port = listener.getsockname()[:2]
    async with bootstrap(settings, exposed=not ipaddress.ip_address(host).is_loopback) as services:
        server = _Server(services, settings)
        # uvicorn raises the signals it caught again when it has stopped; stopping on demand is a success here.
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: None)
        asking = None
        if question:
            asking = asyncio.create_task(ask(question, listening=server.listening, port=port, services=services))
        _log.info("serving", host=host, port=port)
        # What is here now stays until the end. Taken out of the collector's sight, it is not walked through again and
        # again while requests come and go: measured, a quarter of the CPU of a request.
        gc.collect()
        gc.freeze()
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
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Who is in front is not known yet, so nobody's word about the caller's address is taken.
                proxy_headers=False,
                timeout_graceful_shutdown=round(settings.shutdown_grace),
            )
        )
        self._health = services.health
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes connections from here on."""
        await super().startup(sockets)
        self.listening.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came: the first starts the drain, a second ends it."""
        self._health.drain()
        super().handle_exit(sig, frame)


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is known before anything is opened."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        sys.stderr.write(f"bullpen: cannot listen on {host}:{port}: {error.strerror}. Choose another with --port.\n")
        raise typer.Exit(FAILED) from None
    return listener

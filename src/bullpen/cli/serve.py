"""`bullpen serve`: the server, until it is told to stop, as one process or as several."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import structlog
import typer

from bullpen import __version__
from bullpen.cli.child import Child
from bullpen.cli.exits import told
from bullpen.cli.listener import listen, url_of
from bullpen.cli.question import asking
from bullpen.cli.server import leave_stuck_threads, serve_on
from bullpen.cli.workers import Supervisor
from bullpen.settings import Settings
from bullpen.telemetry import logging as log
from bullpen.telemetry import multiprocess

__all__ = ["serve"]

_MANY: Final = 64
# Seconds in which a worker says its last words, ends its threads and closes its stores.
_CLOSING: Final = 15.0
# Seconds in which a replacement starts, beside what it waits for the database.
_STARTING: Final = 60.0

_log = structlog.get_logger("bullpen.serve")


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but loopback needs API_SECRET_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, max=_MANY, help="Processes; SIGHUP replaces them one by one if there are several.")
    ] = 1,
    question: Annotated[str | None, typer.Option("--ask", help="Ask this first, and print the answer.")] = None,
) -> None:
    """Serve the catalogue over HTTP until SIGINT or SIGTERM; runs that go on are given SHUTDOWN_GRACE to finish."""
    with told():
        settings = Settings.load()
        with listen(host, port) as listener, asyncio.Runner() as runner:
            if workers > 1:
                raise typer.Exit(runner.run(_supervise(settings, listener, workers=workers, question=question)))
            beside = [asking(question, url=url_of(*listener.getsockname()[:2]))] if question else []
            runner.run(serve_on(listener, settings, beside=beside))
            leave_stuck_threads()


async def _supervise(settings: Settings, listener: socket.socket, *, workers: int, question: str | None) -> int:
    """Serves with several processes; the exit code."""
    log.configure(
        level=settings.log_level,
        environment=settings.environment,
        version=__version__,
        json=settings.log_format == "json",
    )
    host, port = listener.getsockname()[:2]
    limits = "shared through Redis" if settings.redis_url else f"divided by {workers * settings.limits.replicas}"
    _log.info("supervising", host=host, port=port, workers=workers, limits=limits)
    with TemporaryDirectory(prefix="bullpen-metrics-") as folder:
        metrics = Path(folder)
        supervisor = Supervisor(
            _spawner(listener, metrics=metrics, workers=workers, question=question),
            workers=workers,
            ready_within=_STARTING + settings.database_migration_wait,
            stop_within=settings.drain_delay + settings.shutdown_grace + _CLOSING,
            buried=lambda number: multiprocess.forget(metrics, worker=number),
            # As long as one process has it open, callers are not refused, and wait for nobody.
            release=listener.close,
        )
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, supervisor.stop)
        loop.add_signal_handler(signal.SIGHUP, supervisor.replace)
        return await supervisor.run()


def _spawner(
    listener: socket.socket, *, metrics: Path, workers: int, question: str | None
) -> Callable[[int], Awaitable[Child]]:
    """Starts workers, of which the first asks the question."""
    questions = [question] if question else []

    async def spawn(number: int) -> Child:
        ask = questions.pop() if questions else None
        return await Child.start(number, listener=listener, metrics=metrics, workers=workers, ask=ask)

    return spawn

"""A worker: the server, in a process that a supervisor has started, on a socket that was given to it.

It is run as `python -m bullpen.cli.spawned`, and by nobody else.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from bullpen.bootstrap import Services
from bullpen.cli.exits import told
from bullpen.cli.line import Line
from bullpen.cli.listener import url_of
from bullpen.cli.question import asking
from bullpen.cli.server import Beside, Server, leave_stuck_threads, serve_on
from bullpen.rounds import Rounds
from bullpen.settings import Settings
from bullpen.telemetry import logging as log
from bullpen.telemetry import multiprocess

__all__ = ["app"]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def spawned(
    number: int,
    listener: Annotated[int, typer.Option()],
    line: Annotated[int, typer.Option()],
    metrics: Annotated[Path, typer.Option()],
    workers: Annotated[int, typer.Option()],
    ask: Annotated[str | None, typer.Option()] = None,
) -> None:
    """Serves until the supervisor says otherwise, or is gone. The numbers are those of open files."""
    multiprocess.join(metrics, worker=number)
    log.introduce(worker=number)
    with told(), _inherited(listener) as listening, _inherited(line) as end, asyncio.Runner() as runner:
        beside = [*_beside(Line(end)), *([asking(ask, url=url_of(*listening.getsockname()[:2]))] if ask else ())]
        runner.run(serve_on(listening, _divided(Settings.load(), workers), beside=beside, alone=False))
        leave_stuck_threads()


def _divided(settings: Settings, workers: int) -> Settings:
    """What replicas divide, workers divide as well."""
    limits = settings.limits.model_copy(update={"replicas": settings.limits.replicas * workers})
    return settings.model_copy(update={"limits": limits})


def _beside(line: Line) -> Iterator[Beside]:
    yield line.follow
    yield line.report
    yield _refresh


async def _refresh(_server: Server, services: Services) -> None:
    """Keeps this worker's memory and CPU fresh for a scrape that another one answers."""
    rounds = Rounds(services.metrics.refresh, every=1.0, name="refresh")
    rounds.start()
    try:
        await asyncio.Event().wait()
    finally:
        await rounds.aclose()


def _inherited(number: int) -> socket.socket:
    """An open socket of the supervisor's; what this process starts does not inherit it in turn."""
    os.set_inheritable(number, False)  # noqa: FBT003 -- the library's signature
    return socket.socket(fileno=number)


if __name__ == "__main__":
    app()

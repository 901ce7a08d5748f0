"""The stub model as a process on the second core, which can be slowed down, and can die."""

import os
import sys
import urllib.request
from pathlib import Path
from typing import Self

from benchmarks.load import Target
from benchmarks.process import PROJECT, Process, free_port, on_core

__all__ = ["Stub"]


class Stub:
    """Use it as a context manager; `die` and `live` may be called inside.

    Attributes:
        port: Where it listens, in every one of its lives.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.live()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def live(self) -> None:
        """Starts it, and waits until it answers."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
        command = [sys.executable, "-m", "benchmarks.model", str(self.port)]
        with on_core(1):
            self._process = Process(
                command, environment=environment, folder=self._folder, log=self._folder / "model.log"
            )
        self._process.ready(self._delay_url(0))

    def die(self) -> None:
        """Every connection is closed, and new ones are refused."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def slow_down(self, milliseconds: int) -> None:
        """Every later answer begins so much later than at once."""
        urllib.request.urlopen(self._delay_url(milliseconds)).close()

    def asked_directly(self) -> Target:
        """The stream that every system asks it for, without a system between."""
        return Target(self.port, "/v1/chat/completions", _question, stream=True)

    def _delay_url(self, milliseconds: int) -> str:
        return f"http://127.0.0.1:{self.port}/delay/{milliseconds}"


def _question(prompt: str) -> dict[str, object]:
    return {"model": "stub", "stream": True, "messages": [{"role": "user", "content": prompt}]}

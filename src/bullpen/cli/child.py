"""A worker, as its supervisor sees it."""

import asyncio
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from bullpen.cli.line import LEAVE, READY, STOP

__all__ = ["Child"]

_MODULE: Final = "bullpen.cli.spawned"


class Child:
    """A process of its own, in a process group of its own: what a terminal sends reaches the supervisor alone.

    Attributes:
        number: No other living worker has it.
        pid: Of the process.
        excused: It was told to end.
        was_ready: It has said that it can work.
    """

    def __init__(
        self,
        number: int,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Takes a process over, with this end of its line; use `start`."""
        self.number = number
        self.pid = process.pid
        self.excused = self.was_ready = False
        self._process = process
        self._writer = writer
        self._began = self._heard = time.monotonic()
        self._decided = asyncio.Event()
        self._hearing = asyncio.create_task(self._hear(reader), name=f"worker-{number}")

    @classmethod
    async def start(
        cls, number: int, *, listener: socket.socket, metrics: Path, workers: int, ask: str | None = None
    ) -> Self:
        """Starts a worker.

        Args:
            number: Its own.
            listener: What it accepts connections from, with the others.
            metrics: The folder where all keep their figures.
            workers: How many there are.
            ask: What it asks itself first.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            inherited = listener.fileno(), theirs.fileno()
            options = {"listener": inherited[0], "line": inherited[1], "metrics": metrics, "workers": workers}
            arguments = [str(number), *(f"--{name}={value}" for name, value in options.items())]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _MODULE, *arguments, *([f"--ask={ask}"] if ask else ())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=inherited,
                process_group=0,
            )
        return cls(number, process, *await asyncio.open_connection(sock=ours))

    @property
    def is_ready(self) -> bool:
        """Whether it has said so, and lives."""
        return self.was_ready and self._process.returncode is None

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._began

    @property
    def silence(self) -> float:
        """Seconds since it has last said anything; 0 for one that need not, because it starts or ends."""
        return time.monotonic() - self._heard if self.is_ready and not self.excused else 0.0

    async def ready(self, *, within: float | None = None) -> bool:
        """Waits until it can work; False when it ended before, or did not say so in time (seconds)."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._decided.wait()
        return self.is_ready

    async def ended(self) -> int:
        """Waits until it has ended; its exit code, negative for a signal."""
        return await self._process.wait()

    def leave(self) -> None:
        """It is to drain and end; others stay."""
        self._tell(LEAVE)

    def stop(self) -> None:
        """It is to drain and end, with all others; told twice, it ends at once."""
        self._tell(STOP)
        if not self.is_ready:
            # It may be far from listening to us. Until it does, this ends it at once; afterwards it says the same.
            with suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        """It ends now."""
        self.excused = True
        with suppress(ProcessLookupError):
            self._process.kill()

    def close(self) -> None:
        """Lets go of the line of one that has ended."""
        self._hearing.cancel()
        self._decided.set()
        self._writer.close()

    def _tell(self, word: bytes) -> None:
        self.excused = True
        self._writer.write(word)

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while word := await reader.readline():
                self._heard = time.monotonic()
                if word == READY:
                    self.was_ready = True
                    self._decided.set()
        # It lets go of the line before it says what is wrong: whoever is told now that it failed would kill it.
        await self._process.wait()
        self._decided.set()

"""What tests of the outbox share: facts, a consumer that can refuse, and a process that dies."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bullpen.outbox import Fact

__all__ = ["Hearer", "appender", "fact", "facts", "kill", "left_in", "until"]


def fact(name: object, *, topic: str = "audit", size: int = 10) -> Fact:
    return Fact(str(name), topic, b"x" * size)


def facts(*names: object) -> list[Fact]:
    return [fact(name) for name in names]


class Hearer:
    """Writes down what it is given. Refuses while `refusing`, and takes nothing then."""

    def __init__(self, *, refusing: bool = False) -> None:
        self.refusing = refusing
        self.refused: list[list[str]] = []
        self.batches: list[list[str]] = []
        self._news = asyncio.Event()

    @property
    def heard(self) -> list[str]:
        """Every id in the order it came, repetitions included."""
        return [name for batch in self.batches for name in batch]

    @property
    def order(self) -> list[str]:
        """Every id in the order it came first: a connection that is cut in the middle of it may have it come again."""
        return list(dict.fromkeys(self.heard))

    async def deliver(self, facts: Sequence[Fact]) -> None:
        names = [fact.id for fact in facts]
        self._news.set()
        if self.refusing:
            self.refused.append(names)
            raise RuntimeError("not now")
        self.batches.append(names)

    async def has(self, *names: object, within: float = 30) -> None:
        """Returns when it has heard all of them."""
        async with asyncio.timeout(within):
            while set(map(str, names)) - set(self.heard):
                await self._next()

    async def refuses(self, times: int = 1, *, within: float = 30) -> None:
        """Returns when it has refused so many more batches."""
        target = len(self.refused) + times
        async with asyncio.timeout(within):
            while len(self.refused) < target:
                await self._next()

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()


async def until(holds: Callable[[], bool], *, within: float = 30) -> None:
    """Returns when that holds, for what nothing announces."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 -- a property of an outbox, which has no event for it
            await asyncio.sleep(0.01)


def left_in(folder: Path) -> list[str]:
    """The names of what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def appender(folder: Path, mode: str, *, database: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that appends for ever, delivers nothing, and prints each id that was recorded. See `appends.py`."""
    command = [sys.executable, "-m", "tests.stubs.appends", str(folder), mode, database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def kill(process: "subprocess.Popen[str]", *, after: int) -> list[str]:
    """Kills it, as `kill -9` does, once it has printed so many ids; says which it printed in its life."""
    assert process.stdout is not None
    printed = [process.stdout.readline().strip() for _ in range(after)]
    process.kill()
    rest = process.stdout.read()
    whole = rest[: rest.rfind("\n") + 1].split()
    return printed + whole

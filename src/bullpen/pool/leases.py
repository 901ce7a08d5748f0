"""The places of one agent type that this replica has, and those it has asked for."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final, NamedTuple

from bullpen.errors import DependencyDown

__all__ = ["HEARTBEAT", "LEASE", "Leases", "Wish"]

LEASE: Final = 9.0
"""Seconds after which a place whose replica does not say that it lives is free again."""

HEARTBEAT: Final = 3.0
"""Seconds between two times that it says so."""

_AGAIN: Final = 0.5  # seconds until a Redis that is away is asked again
_POLL: Final = (0.02, 0.05)  # seconds between two questions for a place; by chance, so that replicas do not ask in step


_MOST_BACK: Final = 1000  # leases to be given back that are kept in mind; while Redis is away the older ones expire


class Wish(NamedTuple):
    """What is told and asked at once.

    Attributes:
        wanted: How many places more.
        number: Of the next lease.
        back: Leases that are given back.
        kept: Leases that go on.
    """

    wanted: int
    number: int
    back: tuple[str, ...]
    kept: tuple[str, ...]


class Leases:
    """Keeps the books of one type and, in the background, tells what is in them.

    A lease that is not used any more goes back at once, also where somebody waits here: it is asked for anew, behind
    the other replicas that want one.
    """

    def __init__(self, name: str, *, ask: Callable[[Wish], Awaitable[int]], freed: Callable[[], None]) -> None:
        """Begins with `start`.

        Args:
            name: The replica's.
            ask: Tells, and says how many places it was given; raises `DependencyDown`.
            freed: Called when there may be a place to take.
        """
        self._name = name
        self._ask = ask
        self._freed = freed
        self._idle: list[str] = []
        self._out: list[str] = []
        self._back: list[str] = []
        self._target = 0
        self._numbers = count()
        self._next = next(self._numbers)
        self._news = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    @property
    def idle(self) -> int:
        """Places that can be taken at once."""
        return len(self._idle)

    @property
    def out(self) -> int:
        """Places in use."""
        return len(self._out)

    def start(self) -> None:
        """Begins to tell."""
        self._loop = asyncio.create_task(self._go(), name="places")

    async def aclose(self) -> None:
        """Stops telling."""
        while self._loop is not None and not self._loop.done():
            self._loop.cancel()
            await asyncio.wait((self._loop,), timeout=1)

    def take(self) -> None:
        """Uses a place; one that nobody gave is taken as well, and told of with the next heartbeat."""
        self._out.append(self._idle.pop() if self._idle else self._name_next())

    def give(self) -> None:
        """A place is not used any more."""
        self._back.append(self._out.pop())
        self._news.set()

    def want(self, number: int) -> None:
        """So many are wanted now, those that are idle among them; what is idle beyond that goes back."""
        before, self._target = self._wanted, number
        self._give_surplus()
        if self._wanted > before:
            self._news.set()

    async def tell(self) -> None:
        """Tells once, and asks. What was told and not heard is told again the next time."""
        wanted, back = self._wanted, self._back
        wish = Wish(wanted, self._next, tuple(back), (*self._idle, *self._out))
        names = [self._name_next() for _ in range(wanted)]
        self._back = []
        try:
            granted = await self._ask(wish)
        except BaseException:
            # What is given too late must not stay taken.
            self._back = [*back, *names, *self._back][-_MOST_BACK:]
            raise
        self._idle += names[:granted]
        self._freed()
        self._give_surplus()
        if granted and self._wanted:
            self._news.set()

    @property
    def _wanted(self) -> int:
        return max(0, self._target - len(self._idle))

    def _give_surplus(self) -> None:
        while len(self._idle) > self._target:
            self._back.append(self._idle.pop())
            self._news.set()

    def _name_next(self) -> str:
        named = f"{self._name}:{self._next}"
        self._next = next(self._numbers)
        return named

    async def _go(self) -> None:
        while True:
            await self._pause()
            try:
                await self.tell()
            except DependencyDown:
                await asyncio.sleep(_AGAIN)  # whoever asked has said so

    async def _pause(self) -> None:
        has_some = self._idle or self._out
        pause = random.uniform(*_POLL) if self._wanted else HEARTBEAT if has_some else None  # noqa: S311 -- spreads questions, keeps no secret
        # Not `wait_for`, which may swallow a cancellation on Python 3.11.
        waiting = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait((waiting,), timeout=pause)
        finally:
            waiting.cancel()
        self._news.clear()

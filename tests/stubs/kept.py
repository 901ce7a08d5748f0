"""An outbox that keeps what it is given, for tests that ask what was recorded."""

import asyncio
from collections.abc import Sequence

from bullpen.errors import DependencyDown
from bullpen.outbox import Fact
from bullpen.security.audit import Event
from bullpen.security.audit.events import from_json

__all__ = ["Kept"]


class Kept:
    """Implements `Outbox`.

    Attributes:
        appends: What each append was given.
        stricts: Whether each of them was strict.
        away: Set to refuse everything.
        waits: Set to keep whoever appends waiting for it.
        begun: Set once somebody has begun to append.
    """

    def __init__(self) -> None:
        self.appends: list[list[Fact]] = []
        self.stricts: list[bool] = []
        self.away = False
        self.waits: asyncio.Event | None = None
        self.begun = asyncio.Event()
        self.degraded = False

    @property
    def events(self) -> list[Event]:
        """Every event so far."""
        return [from_json(fact.body) for facts in self.appends for fact in facts]

    @property
    def types(self) -> list[str]:
        """What happened so far, by name."""
        return [event.type.value for event in self.events]

    async def append(self, facts: Sequence[Fact], *, strict: bool = False) -> None:
        """See `Outbox.append`."""
        self.begun.set()
        if self.waits is not None:
            await self.waits.wait()
        if self.away or (strict and self.degraded):
            raise DependencyDown("Nothing can be recorded now. Try again in a moment.")
        self.appends.append(list(facts))
        self.stricts.append(strict)

    async def settle(self) -> None:
        """See `Outbox.settle`."""

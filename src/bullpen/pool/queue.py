"""The waiting line: who gets the next lane. Pure bookkeeping, no clock and no I/O.

This is the one place that decides the order. Today: first come, first served, but for types that are saturated, which
hold up nobody else. Priority and tenant are on every ticket for the rule that will weigh them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Queue", "Ticket"]


@dataclass(slots=True, kw_only=True, eq=False)
class Ticket:
    """One request that waits for a lane.

    Attributes:
        since: When it joined, on the monotonic clock.
        called: Resolved once, by the pool: True with a lane reserved, False because there will be none.
    """

    agent_type: str
    tenant: str
    priority: int
    since: float
    called: asyncio.Future[bool]
    number: int = field(default=0)


class Queue:
    """Tickets in order of arrival, a line per agent type so that no type stands in another's way."""

    def __init__(self) -> None:
        self._lines: dict[str, OrderedDict[int, Ticket]] = {}
        self._length = 0
        self._joined = 0

    def __len__(self) -> int:
        return self._length

    def waiting(self, agent_type: str) -> int:
        """How many wait for a lane of this type."""
        return len(self._lines.get(agent_type, ()))

    def since(self) -> float | None:
        """When the one who has waited longest joined; None when nobody waits."""
        return min((ticket.since for ticket in self._heads()), default=None)

    def join(self, ticket: Ticket) -> None:
        """Puts a ticket at the end."""
        self._joined += 1
        ticket.number = self._joined
        self._lines.setdefault(ticket.agent_type, OrderedDict())[ticket.number] = ticket
        self._length += 1

    def leave(self, ticket: Ticket) -> bool:
        """Takes a ticket out from wherever it stands; False when it is not here any more."""
        gone = self._lines.get(ticket.agent_type, OrderedDict()).pop(ticket.number, None)
        self._length -= gone is not None
        return gone is not None

    def next(self, admits: Callable[[str], bool]) -> Ticket | None:
        """Takes out the oldest ticket whose type `admits` another run; None when there is none."""
        if not self._length:
            return None
        admitted = (ticket for ticket in self._heads() if admits(ticket.agent_type))
        ticket = min(admitted, key=lambda each: each.number, default=None)
        if ticket is not None:
            self.leave(ticket)
        return ticket

    def _heads(self) -> list[Ticket]:
        return [next(iter(line.values())) for line in self._lines.values() if line]

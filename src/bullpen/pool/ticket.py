"""One request that waits for a lane."""

from collections import OrderedDict
from typing import Literal, Protocol, TypeAlias

from bullpen.pool.tenants import Tenant

__all__ = ["Call", "Outcome", "Row", "Ticket"]

Outcome: TypeAlias = Literal["lane", "late", "expired", "displaced", "shut"]
"""What became of a ticket: it has a lane, one would be of no use any more, nobody wants one any more, another took its
place, or there are none."""


class Call(Protocol):
    """How a ticket's owner hears of it: a future."""

    def set_result(self, outcome: Outcome, /) -> None:
        """Called once."""
        ...

    def cancelled(self) -> bool:
        """Whether nobody listens any more."""
        ...


class Row:
    """The tickets of one tenant for one type in one level, the first to come first.

    Attributes:
        entry: Where the row stands among the others of its line; None when it is not there.
    """

    __slots__ = ("entry", "tenant", "tickets")

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.tickets: OrderedDict[Ticket, None] = OrderedDict()
        self.entry: tuple[bool, float, int, Row] | None = None


class Ticket:
    """One request that waits for a lane.

    Attributes:
        priority: What was asked for, 1 to 5.
        since: When it came, on the monotonic clock.
        deadline: When its run must have ended, on the same clock.
        until: When it has waited long enough, on the same clock; never after the deadline.
        called: Resolved once, when its waiting has ended and the ticket is out of the queue.
        level: Where it stands now, 0 (first) to 4; it moves to the front as time passes.
        entered: Since when it stands there.
        turn: The order of entering there.
        row: Where it stands; None when it does not wait.
    """

    __slots__ = (
        "agent_type",
        "called",
        "deadline",
        "entered",
        "level",
        "priority",
        "row",
        "since",
        "tenant",
        "turn",
        "until",
    )

    def __init__(
        self, *, agent_type: str, tenant: Tenant, priority: int, since: float, until: float, called: Call
    ) -> None:
        self.agent_type = agent_type
        self.tenant = tenant
        self.priority = priority
        self.since = self.entered = since
        self.deadline = self.until = until
        self.called = called
        self.level = priority - 1
        self.turn = 0
        self.row: Row | None = None

"""The waiting line: who gets the next lane. Pure bookkeeping: no I/O, and time is told.

This is the one place that decides the order:

1. Only tickets count whose agent type has room. A saturated type holds up nobody else.
2. A tenant that holds its share of the lanes stands behind all that do not.
3. The better level goes first. A ticket begins in the level of its priority. For each one that has stood in a level
   for `ageing` seconds, one moves up: the one whose turn it is, which need not be the one that has stood there so long.
   So in `ageing` seconds as many leave a level, up or with a lane, as stood in it, in the order of turns. With one
   tenant that is first come, first served: after (priority - 1) * ageing seconds a ticket is in the first level. And a
   tenant with a crowd that has waited for long does not overtake, by that, those who take turns with it.
4. Inside a level tenants take turns by weight; see `bullpen.pool.level`.
5. A tenant's own tickets for one type, in one level, are served in the order in which they came there.

A ticket moves up at most four times, counts at most once every `ageing` seconds, and costs a logarithm each time:
nothing is ever sorted anew.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import count

from bullpen.pool.crowd import Crowd
from bullpen.pool.level import Level
from bullpen.pool.tenants import LEVELS, Tenant
from bullpen.pool.ticket import Ticket

__all__ = ["Queue"]


class Queue:
    """Those who wait."""

    def __init__(self, *, ageing: float) -> None:
        """`ageing` is in seconds a level."""
        self._ageing = ageing
        self._levels = tuple(Level(number) for number in range(LEVELS))
        self._tickets: OrderedDict[Ticket, None] = OrderedDict()
        self._all = Crowd()
        self._crowds = tuple(Crowd() for _ in range(LEVELS))
        self._types: dict[str, tuple[Crowd, ...]] = {}
        self._turns = count()

    def __len__(self) -> int:
        return len(self._tickets)

    def waiting(self, agent_type: str) -> int:
        """How many wait for a lane of this type."""
        return sum(map(len, self._types.get(agent_type, ())))

    def by_priority(self) -> list[int]:
        """How many wait of each priority, priority 1 first."""
        return [len(crowd) for crowd in self._crowds]

    def oldest(self) -> Ticket | None:
        """The one who has waited longest."""
        return next(iter(self._tickets), None)

    def join(self, ticket: Ticket) -> None:
        """Puts in a ticket that comes at `ticket.since`; no earlier than those before it."""
        self.age(ticket.since)
        ticket.turn = next(self._turns)
        self._tickets[ticket] = None
        types = self._types.get(ticket.agent_type)
        if types is None:
            types = self._types[ticket.agent_type] = tuple(Crowd() for _ in range(LEVELS))
        types[ticket.priority - 1].join(ticket)
        self._crowds[ticket.priority - 1].join(ticket)
        self._all.join(ticket)
        self._levels[ticket.level].join(ticket)

    def leave(self, ticket: Ticket) -> bool:
        """Takes a ticket out from wherever it stands; False when it is not here any more."""
        if ticket.row is None:
            return False
        self._forget(ticket)
        self._levels[ticket.level].leave(ticket)
        return True

    def first(self, admits: Callable[[str], bool], *, now: float) -> Ticket | None:
        """The ticket that is next, of those whose type `admits` another run; it stays in."""
        open_to = [agent_type for agent_type in self._types if admits(agent_type)]
        if not open_to:
            return None
        self.age(now)
        behind = None
        for level in self._levels:
            entry = level.first(open_to) if level else None
            if entry is not None and not entry[0]:
                return next(iter(entry[3].tickets))
            behind = behind or entry
        return None if behind is None else next(iter(behind[3].tickets))

    def serve(self, ticket: Ticket) -> None:
        """Takes a ticket out that has been given a lane."""
        self._forget(ticket)
        self._levels[ticket.level].serve(ticket)

    def age(self, now: float) -> None:
        """Moves up those whose turn it is, one for each that has stood in a level for `ageing` seconds.

        Where nobody stands in a better level there is nobody to overtake, and all stay where they are.
        """
        best = next((number for number, level in enumerate(self._levels) if level), LEVELS)
        for number in range(LEVELS - 1, best, -1):
            for ticket in self._levels[number].rise(ageing=self._ageing, now=now):
                ticket.level -= 1
                ticket.turn = next(self._turns)
                self._levels[ticket.level].join(ticket)

    def lift(self, tenant: Tenant) -> None:
        """Heeds that a tenant holds less than its share again."""
        for level in self._levels:
            level.lift(tenant)

    def ahead(self, tenant: Tenant, priority: int, agent_type: str | None = None) -> float:
        """How many are served before a ticket that joined now; of one type, when one is named.

        Those of a better priority, and of the same those whose turn comes first. Who comes later is not in it, nor who
        has moved up from a worse one.
        """
        crowds = self._crowds if agent_type is None else self._types.get(agent_type)
        if crowds is None:
            return 0.0
        return _before(crowds, priority, turns=crowds[priority - 1].size(tenant) / tenant.weight + 1)

    def ahead_with_room(self, tenant: Tenant, priority: int, admits: Callable[[str], bool]) -> float:
        """The same of all types, but of those that `admits` no other run: they are passed over.

        Where some are passed over it may be too many: a tenant's turns are counted once for each type.
        """
        ahead = self.ahead(tenant, priority)
        open_to = [crowds for agent_type, crowds in self._types.items() if admits(agent_type)]
        if len(open_to) == len(self._types):
            return ahead
        turns = sum(crowds[priority - 1].size(tenant) for crowds in open_to) / tenant.weight + 1
        return min(ahead, sum(_before(crowds, priority, turns=turns) for crowds in open_to))

    def least(self, tenant: Tenant, priority: int) -> Ticket | None:
        """The ticket that would have to make way for a new one of this tenant; None when all have a better claim.

        Room in the queue is divided between tenants, and inside a tenant by priority: else a crowd with a good priority
        would leave no room for anybody else. So it is the newest ticket of the worst priority, of the tenant with the
        most tickets for its weight; if the new one's tenant would still have fewer, or if it is one of its own, and
        worse.
        """
        if not self._tickets:
            return None
        many = self._all.heaviest()
        fewer = (self._all.size(tenant) + 1) / tenant.weight < self._all.size(many) / many.weight
        owner = many if fewer else tenant
        worst = next((number for number in range(LEVELS, 0, -1) if self._crowds[number - 1].size(owner)), 0)
        return self._crowds[worst - 1].last(owner) if worst and (fewer or worst > priority) else None

    def _forget(self, ticket: Ticket) -> None:
        del self._tickets[ticket]
        types = self._types[ticket.agent_type]
        types[ticket.priority - 1].leave(ticket)
        self._crowds[ticket.priority - 1].leave(ticket)
        self._all.leave(ticket)
        if not any(types):
            del self._types[ticket.agent_type]


def _before(crowds: Sequence[Crowd], priority: int, *, turns: float) -> float:
    """Those of a better priority, and of the same those that are served while each tenant has so many turns."""
    return sum(map(len, crowds[: priority - 1])) + crowds[priority - 1].within(turns)

"""How many wait, by tenant: who is many, and how many stand before somebody."""

import math
from collections import OrderedDict

from bullpen.pool.tenants import Tenant
from bullpen.pool.ticket import Ticket

__all__ = ["Crowd"]


class _Group:
    """Tenants with the same load: tickets for each unit of weight, rounded up."""

    __slots__ = ("tenants", "tickets", "weight")

    def __init__(self) -> None:
        self.tenants: dict[Tenant, None] = {}
        self.tickets = 0
        self.weight = 0.0


class Crowd:
    """Tickets by tenant, and tenants grouped by load.

    A change costs the same however many wait. `within` and `heaviest` walk over the different loads there are, which
    of n tickets are at most the square root of 2n when all weigh the same.
    """

    def __init__(self) -> None:
        self._count = 0
        self._tickets: dict[Tenant, OrderedDict[Ticket, None]] = {}
        self._groups: dict[int, _Group] = {}

    def __len__(self) -> int:
        return self._count

    def size(self, tenant: Tenant) -> int:
        """How many tickets this tenant has here."""
        return len(self._tickets.get(tenant, ()))

    def join(self, ticket: Ticket) -> None:
        """One ticket more."""
        tenant = ticket.tenant
        own = self._tickets.get(tenant)
        if own is None:
            own = self._tickets[tenant] = OrderedDict()
        else:
            self._take_out(tenant, len(own))
        own[ticket] = None
        self._put_in(tenant, len(own))

    def leave(self, ticket: Ticket) -> None:
        """One ticket less."""
        tenant = ticket.tenant
        own = self._tickets[tenant]
        self._take_out(tenant, len(own))
        del own[ticket]
        if own:
            self._put_in(tenant, len(own))
        else:
            del self._tickets[tenant]

    def heaviest(self) -> Tenant:
        """A tenant with the most tickets for its weight. Somebody must be here."""
        return next(reversed(self._groups[max(self._groups)].tenants))

    def last(self, tenant: Tenant) -> Ticket:
        """The ticket of this tenant that came last. There must be one."""
        return next(reversed(self._tickets[tenant]))

    def within(self, turns: float) -> float:
        """How many tickets are served while each tenant has so many turns of its weight."""
        return sum(
            group.tickets if load <= turns else min(group.tickets, turns * group.weight)
            for load, group in self._groups.items()
        )

    def _put_in(self, tenant: Tenant, tickets: int) -> None:
        load = math.ceil(tickets / tenant.weight)
        group = self._groups.get(load)
        if group is None:
            group = self._groups[load] = _Group()
        self._count += tickets
        group.tenants[tenant] = None
        group.tickets += tickets
        group.weight += tenant.weight

    def _take_out(self, tenant: Tenant, tickets: int) -> None:
        load = math.ceil(tickets / tenant.weight)
        group = self._groups[load]
        self._count -= tickets
        del group.tenants[tenant]
        group.tickets -= tickets
        group.weight -= tenant.weight
        if not group.tenants:
            del self._groups[load]

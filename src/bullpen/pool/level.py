"""One level of the queue: everybody in it is equal, and tenants take turns.

The rule is start-time fair queuing (P. Goyal, H. Vin, H. Cheng, "Start-Time Fair Queueing: A Scheduling Algorithm for
Integrated Services Packet Switching Networks", SIGCOMM 1996), where every lane costs 1. A tenant's turn has a start on
a virtual clock; the least start is served, and the next start is 1 / weight later. The virtual clock shows the start
that was served last, and who joins starts there: nobody saves up turns by being away. While two tenants i and j wait
with lanes for both, what they are served for each unit of weight never differs by more than 1 / w_i + 1 / w_j.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final

from bullpen.pool.tenants import Tenant
from bullpen.pool.ticket import Row, Ticket

__all__ = ["Level"]

_AT_ONCE: Final = 32  # that move up, so that nobody waits for a thousand who do
_SLACK: Final = 64  # rows without a ticket that may stand in a line before it is swept


class _Line:
    """Those in one level who wait for one agent type: a heap of rows, one for each tenant.

    A row's key may grow while it stands in the heap (its tenant was served for another type): it is put right when it
    comes to the top. One that shrinks is put in again, and the old entry counts for nothing.
    """

    def __init__(self, level: int) -> None:
        self.count = 0
        self._level = level
        self._rows: dict[Tenant, Row] = {}
        self._heap: list[tuple[bool, float, int, Row]] = []

    def join(self, ticket: Ticket) -> None:
        """Puts a ticket behind its tenant's others."""
        row = self._rows.get(ticket.tenant)
        if row is None:
            row = self._rows[ticket.tenant] = Row(ticket.tenant)
        row.tickets[ticket] = None
        ticket.row = row
        self.count += 1
        if row.entry is None:
            self._push(row)

    def leave(self, ticket: Ticket, row: Row) -> None:
        """Takes a ticket out of its row."""
        del row.tickets[ticket]
        ticket.row = None
        self.count -= 1

    def first(self) -> tuple[bool, float, int, Row] | None:
        """The entry whose turn it is."""
        heap = self._heap
        while heap:
            entry = heap[0]
            row = entry[3]
            if row.entry is not entry or not row.tickets:
                self._drop(heappop(heap))
            elif (key := self._key(row)) != entry:
                row.entry = key
                heapreplace(heap, key)
            else:
                return entry
        return None

    def lift(self, tenant: Tenant) -> None:
        """Puts a tenant's row where it belongs now that it stands further to the front."""
        row = self._rows.get(tenant)
        if row is not None and row.tickets and row.entry is not None and self._key(row) < row.entry:
            self._push(row)

    def _key(self, row: Row) -> tuple[bool, float, int, Row]:
        tenant = row.tenant
        return tenant.is_over, tenant.starts[self._level], next(iter(row.tickets)).turn, row

    def _push(self, row: Row) -> None:
        row.entry = self._key(row)
        heappush(self._heap, row.entry)
        if len(self._heap) > 2 * self.count + _SLACK:
            self._sweep()

    def _drop(self, entry: tuple[bool, float, int, Row]) -> None:
        row = entry[3]
        if row.entry is entry:
            row.entry = None
            self._rows.pop(row.tenant, None)

    def _sweep(self) -> None:
        """Forgets the rows without a ticket: in a line that does not move, nobody else would."""
        for row in self._rows.values():
            row.entry = self._key(row) if row.tickets else None
        self._rows = {tenant: row for tenant, row in self._rows.items() if row.tickets}
        self._heap = [row.entry for row in self._rows.values() if row.entry is not None]
        heapify(self._heap)


class Level:
    """One level. Nothing in it costs more than the logarithm of those who wait, for each agent type."""

    def __init__(self, number: int) -> None:
        self.arrivals: OrderedDict[Ticket, None] = OrderedDict()
        self._number = number
        self._lines: dict[str, _Line] = {}
        self._sizes: dict[Tenant, int] = {}
        self._virtual = 0.0
        self._furthest = 0.0

    def __len__(self) -> int:
        return len(self.arrivals)

    def join(self, ticket: Ticket) -> None:
        """Puts a ticket in. Its tenant's turn is now, or after the one it had last."""
        tenant, line = ticket.tenant, self._lines.get(ticket.agent_type)
        if line is None:
            line = self._lines[ticket.agent_type] = _Line(self._number)
        size = self._sizes.get(tenant, 0)
        if not size:
            tenant.starts[self._number] = max(self._virtual, tenant.starts[self._number])
        self._sizes[tenant] = size + 1
        self.arrivals[ticket] = None
        line.join(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Takes a ticket out, from wherever it stands."""
        if ticket.row is None:
            return
        tenant = ticket.tenant
        self._lines[ticket.agent_type].leave(ticket, ticket.row)
        self._sizes[tenant] -= 1
        if not self._sizes[tenant]:
            del self._sizes[tenant]
        del self.arrivals[ticket]
        if not self.arrivals:
            self._virtual = self._furthest  # all are equal again

    def serve(self, ticket: Ticket) -> None:
        """Takes a ticket out, and its tenant's next turn comes later by 1 / weight."""
        tenant = ticket.tenant
        self._virtual = max(self._virtual, tenant.starts[self._number])
        # Not from the tenant's own start: one whose type was saturated for long must not have all its turns at once.
        tenant.starts[self._number] = self._virtual + 1 / tenant.weight
        self._furthest = max(self._furthest, tenant.starts[self._number])
        self.leave(ticket)

    def first(self, agent_types: Iterable[str] | None = None) -> tuple[bool, float, int, Row] | None:
        """The entry whose turn it is, of those who wait for one of these types, or for any."""
        found = None
        for agent_type in self._lines if agent_types is None else agent_types:
            line = self._lines.get(agent_type)
            entry = line.first() if line is not None and line.count else None
            if entry is not None and (found is None or entry < found):
                found = entry
        return found

    def lift(self, tenant: Tenant) -> None:
        """Heeds that a tenant holds less than its share again."""
        if tenant in self._sizes:
            for line in self._lines.values():
                line.lift(tenant)

    def rise(self, *, ageing: float, now: float) -> Iterator[Ticket]:
        """Takes out one for each that has stood here for `ageing` seconds, and gives them: those whose turn it is.

        It need not be those who stood here so long. They stay, and count from `now` on. No more than some come at once;
        the rest is for the next time.
        """
        for _ in range(_AT_ONCE):
            oldest = next(iter(self.arrivals), None)
            if oldest is None or oldest.entered + ageing > now:
                return
            entry = self.first()
            risen = oldest if entry is None else next(iter(entry[3].tickets))
            due = oldest.entered + ageing
            if risen is not oldest:
                oldest.entered = now
                self.arrivals.move_to_end(oldest)
            self.serve(risen)
            risen.entered = due
            yield risen

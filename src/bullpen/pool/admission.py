"""Who may run now: so many lanes in all, so many of a type, and a queue for those who come when there is none."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bullpen.errors import PoolExhausted
from bullpen.pool.forecast import Forecast
from bullpen.pool.gauges import Gauges, Refusal
from bullpen.pool.ports import Places, Pressure
from bullpen.pool.queue import Queue
from bullpen.pool.tenants import Tenant, Tenants
from bullpen.pool.ticket import Outcome, Ticket

__all__ = ["Admission", "Rules"]

_SAYS: Final[Mapping[Refusal, str]] = {
    "full": "too many requests wait already",
    "displaced": "a request with a better claim took this one's place in the queue",
    "deadline": "none would come free in time",
    "timeout": "none came free in time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How lanes are given out where there are too few.

    Attributes:
        max_waiting: Requests that may wait at once.
        ageing: Seconds after which one who waits moves up by one priority.
        share: The part of the lanes, in (0, 1], of which a tenant has more only when no other wants them.
        weights: How tenants divide what is fought for; 1 for those not named.
    """

    max_waiting: int = 1000
    ageing: float = 5.0
    share: float = 1.0
    weights: Mapping[str, float] = field(default_factory=dict)


class Admission:
    """Lends lanes, and keeps those who wait. It never waits itself, and is told the time.

    What is free and wanted is lent at once, by whoever frees it, so nobody waits who could have a lane. A lane is lent
    to a ticket, not to a task: a task that is cancelled in that very moment finds it on its ticket and passes it on.
    """

    def __init__(
        self,
        agent_types: Iterable[str],
        *,
        lanes: int,
        rules: Rules,
        places: Places,
        gauges: Gauges,
        now: float,
    ) -> None:
        """Begins `now`, on the monotonic clock; `places` has the bounds of types."""
        types = list(agent_types)
        self.queue = Queue(ageing=rules.ageing)
        self.tenants = Tenants(weights=rules.weights, share=rules.share, lanes=lanes)
        self.forecast = Forecast(types, now=now)
        self.in_use = 0
        self.lanes = lanes
        self._used = dict.fromkeys(types, 0)
        self._max_waiting = rules.max_waiting
        self._places = places
        self.gauges = gauges
        gauges.size(lanes)

    def used(self, agent_type: str) -> int:
        """Lanes of this type that are out."""
        return self._used[agent_type]

    def most(self, agent_type: str) -> int:
        """Lanes of this type that may be out at once, in this process."""
        most = self._places.most(agent_type)
        return self.lanes if most is None else min(most, self.lanes)

    def pressure(self, now: float) -> Pressure:
        """See `Pool.pressure`."""
        oldest = self.queue.oldest()
        return Pressure(
            waiting=len(self.queue),
            longest_wait=0.0 if oldest is None else now - oldest.since,
            in_use=self.in_use,
            lanes=self.lanes,
            rate=self.forecast.pace.rate(now),
        )

    def resize(self, lanes: int, now: float) -> None:
        """Sets how many lanes there are, and lends those that are new."""
        self.lanes = lanes
        self.gauges.size(lanes)
        for tenant in self.tenants.resize(lanes):
            self.queue.lift(tenant)
        self.fill(now)

    def lend(self, agent_type: str, tenant: Tenant) -> bool:
        """Lends a lane if there is one. Nobody who could have it waits then."""
        if not self._admits(agent_type):
            return False
        self._count(agent_type, tenant, 1)
        return True

    def join(self, ticket: Ticket, *, max_wait: float) -> None:
        """Puts a ticket into the queue; `ticket.until` is its deadline and becomes the end of its wait.

        Raises:
            PoolExhausted: At once, because no lane can be expected in time, or too many wait who have a better claim.
        """
        now = ticket.since
        self.queue.age(now)
        patience = min(max_wait, self.forecast.patience(ticket.agent_type, ticket.until - now))
        if self._wait(ticket, now) > patience:
            raise self.refused(ticket, "deadline", now=now)
        if len(self.queue) >= self._max_waiting:
            least = self.queue.least(ticket.tenant, ticket.priority)
            if least is None:
                raise self.refused(ticket, "full", now=now)
            self.leave(least, "displaced", now=now)
        ticket.until = min(ticket.until, now + max_wait)
        self.queue.join(ticket)
        self.tenants.wait(ticket.tenant, 1)
        self._changed(ticket.agent_type, now)

    def leave(self, ticket: Ticket, outcome: Outcome | None, *, now: float) -> bool:
        """Takes a ticket out, and tells its owner if there is something to tell; False when it does not wait."""
        if not self.queue.leave(ticket):
            return False
        self._gone(ticket, outcome, now=now)
        return True

    def give(
        self,
        agent_type: str,
        tenant: Tenant,
        *,
        held: float | None,
        now: float,
        had: float = math.inf,
        cut: bool = False,
    ) -> None:
        """A lane comes back after so many seconds, or unused, and goes to whoever is next; see `Forecast.give_back`."""
        if held is not None:
            self.forecast.give_back(agent_type, now, held=held, cut=cut)
            tenant.odds(agent_type).learn(now, held=held, had=had, cut=cut)
        self._count(agent_type, tenant, -1)
        self.fill(now)
        if self.in_use < self.lanes:
            self.forecast.ease(now)

    def fill(self, now: float) -> None:
        """Lends what is free to those who wait for it. Who has no use for a lane any more is sent away."""
        while self.in_use < self.lanes and (ticket := self.queue.first(self._places.free, now=now)):
            if ticket.until <= now or ticket.called.cancelled():
                self.leave(ticket, "expired", now=now)
                continue
            if self._is_late(ticket, now):
                # A run that is cut off has kept a lane from one that would have ended.
                self.leave(ticket, "late", now=now)
                continue
            self.queue.serve(ticket)
            self._count(ticket.agent_type, ticket.tenant, 1)
            self._gone(ticket, "lane", now=now)

    def shut(self, now: float) -> None:
        """Sends everybody away who waits."""
        while ticket := self.queue.oldest():
            self.leave(ticket, "shut", now=now)

    def refused(self, ticket: Ticket, reason: Refusal, *, now: float) -> PoolExhausted:
        """What a ticket's owner is told, and when to come back: at the pace at which lanes come back now."""
        self.gauges.refuse(reason)
        ahead, of_type = self._ahead(ticket)
        after = self.forecast.retry_after(
            ticket.agent_type,
            now,
            ahead=ahead,
            ahead_of_type=of_type,
            lanes=self.lanes,
            lanes_of_type=self.most(ticket.agent_type),
        )
        return PoolExhausted(
            f"Every lane for `{ticket.agent_type}` is busy, and {_SAYS[reason]}. Try again in {after:.0f} s.",
            retry_after=after,
        )

    def _is_late(self, ticket: Ticket, now: float) -> bool:
        median = self.forecast.median(ticket.agent_type, now)
        return ticket.tenant.odds(ticket.agent_type).turn_away(now, has=ticket.deadline - now, median=median)

    def _wait(self, ticket: Ticket, now: float) -> float:
        """Seconds it would have to wait, at the least."""
        ahead, of_type = self._ahead(ticket)
        return self.forecast.wait(ticket.agent_type, now, ahead=ahead, ahead_of_type=of_type)

    def _ahead(self, ticket: Ticket) -> tuple[float, float]:
        """How many are before it for a lane, and for one of its type; none where that is not what it waits for."""
        tenant, priority, agent_type = ticket.tenant, ticket.priority, ticket.agent_type
        free = self._places.free
        ahead = 0.0 if self.in_use < self.lanes else self.queue.ahead_with_room(tenant, priority, free)
        of_type = 0.0 if free(agent_type) else self.queue.ahead(tenant, priority, agent_type)
        return ahead, of_type

    def _admits(self, agent_type: str) -> bool:
        return self.in_use < self.lanes and self._places.free(agent_type)

    def _gone(self, ticket: Ticket, outcome: Outcome | None, *, now: float) -> None:
        self.tenants.wait(ticket.tenant, -1)
        self._changed(ticket.agent_type, now)
        if outcome is not None and not ticket.called.cancelled():
            ticket.called.set_result(outcome)

    def _count(self, agent_type: str, tenant: Tenant, change: int) -> None:
        self._used[agent_type] += change
        self.in_use += change
        if change > 0:
            self._places.take(agent_type)
        else:
            self._places.give(agent_type)
        if self.tenants.hold(tenant, change):
            self.queue.lift(tenant)
        self.gauges.lent(agent_type, self._used[agent_type], in_use=self.in_use, lanes=self.lanes)

    def _changed(self, agent_type: str, now: float) -> None:
        """Tells whoever should know that there are more who wait, or fewer."""
        waiting = self.queue.waiting(agent_type)
        own = waiting > 0 and not self._places.free(agent_type)
        self.forecast.want(agent_type, now, whole=len(self.queue) > 0 and self.in_use >= self.lanes, own=own)
        # One place may wait for a lane, or else a type would never have both at once; more would be kept from others.
        self._places.want(agent_type, min(waiting, max(1, self.lanes - self.in_use)))
        self.gauges.waiting(self.queue.by_priority())

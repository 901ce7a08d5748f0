"""The pool of one process: permits counted in memory."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from bullpen.clock import Clock, SystemClock
from bullpen.errors import UnknownAgent
from bullpen.pool.admission import Admission, Rules
from bullpen.pool.agents import Closing
from bullpen.pool.bay import Bay
from bullpen.pool.gauges import Gauges
from bullpen.pool.loan import Lender, Loan
from bullpen.pool.permits import Permits
from bullpen.pool.places import LocalPlaces
from bullpen.pool.ports import LaneKind, Places, Pressure
from bullpen.pool.tally import Tally
from bullpen.resilience import Deadline
from bullpen.rounds import Rounds
from bullpen.telemetry import Metrics

__all__ = ["LocalPool"]

_REAP_AT_LEAST_EVERY: Final = 30.0
_REAP_AT_MOST_EVERY: Final = 1.0


class LocalPool:
    """Implements `Pool` for one process and one event loop.

    A lane is a permit: at most `size` in use, and of a type as many as there are `Places`. An agent is built with its
    permit in hand, within the deadline; nothing else about a lane waits for I/O. Who is next is said in
    `bullpen.pool.queue`.

    A lent agent is lent again when its run ended, or failed in a way we know. A run that was interrupted (cancelled,
    out of time) or failed in an unforeseen way leaves its agent in nobody knows what state: that one is closed.
    """

    def __init__(
        self,
        *,
        kinds: Sequence[LaneKind],
        metrics: Metrics,
        size: int = 20,
        max_wait: float = 30.0,
        max_waiting: int = 1000,
        idle_after: float = 300.0,
        ageing: float = 5.0,
        tenant_share: float = 1.0,
        tenant_weights: Mapping[str, float] = MappingProxyType({}),
        places: Places | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Describes the pool; `open` starts its clean-up.

        Args:
            kinds: Every agent type there is.
            metrics: Where the pool's figures go.
            size: Lanes in use at once, over all types.
            max_wait: Seconds anybody waits at most.
            max_waiting: Requests that may wait at once; one more displaces one with a worse claim, or is refused.
            idle_after: Seconds after which a lent agent that nobody wants is closed.
            ageing: Seconds after which one who waits moves up by one priority.
            tenant_share: The part of the lanes, in (0, 1], of which a tenant has more only when no other wants them.
            tenant_weights: How the lanes that are fought for are divided between tenants; 1 for those not named.
            places: Bounds types over all replicas; without it this process is the only one.
            clock: Measures waits, runs and idleness.
        """
        self._size = size
        self._ceiling: int | None = None
        self._idle_after = idle_after
        self._clock = clock or SystemClock()
        self._tally = Tally()
        self._closing = Closing()
        types = [kind.agent_type for kind in kinds]
        places = places or LocalPlaces({kind.agent_type: kind.max_concurrent for kind in kinds if kind.max_concurrent})
        rules = Rules(max_waiting=max_waiting, ageing=ageing, share=tenant_share, weights=tenant_weights)
        gauges, now = Gauges(metrics, types), self._clock.monotonic()
        self._admission = Admission(types, lanes=size, rules=rules, places=places, gauges=gauges, now=now)
        places.watch(lambda: self._admission.fill(self._clock.monotonic()))
        self._permits = Permits(self._admission, max_wait=max_wait, clock=self._clock)
        self._lender = Lender(
            permits=self._permits, tally=self._tally, gauges=gauges, clock=self._clock, returned=self._returned
        )
        most = self._admission.most
        self._bays = {
            kind.agent_type: Bay(kind, limit=partial(most, kind.agent_type), closing=self._closing) for kind in kinds
        }
        self._shut = False
        pause = max(_REAP_AT_MOST_EVERY, min(_REAP_AT_LEAST_EVERY, idle_after))
        self._reaping = Rounds(self.reap, every=pause, name="reaper")

    @property
    def lanes(self) -> int:
        """See `Pool.lanes`."""
        return self._admission.lanes

    def resize(self, lanes: int) -> None:
        """See `Pool.resize`."""
        self._size = lanes
        self._settle_size()

    def bound(self, lanes: int | None) -> None:
        """See `Pool.bound`."""
        self._ceiling = lanes
        self._settle_size()

    def pressure(self) -> Pressure:
        """See `Pool.pressure`."""
        return self._admission.pressure(self._clock.monotonic())

    async def open(self) -> None:
        """Starts the clean-up of idle agents. Agents themselves are built when first wanted."""
        self._reaping.start()

    async def aclose(self) -> None:
        """Refuses everybody from now on, those who wait included, and closes what is idle; waits for no run.

        The agents of a type that still has lanes in use are closed when the last of them comes back.
        """
        self._shut = True
        self._permits.shut()
        await self._reaping.aclose()
        for bay in self._bays.values():
            self._close_if_unused(bay)
        await self._closing.done()

    async def reap(self) -> int:
        """Closes every lent agent that has been idle too long, and says how many."""
        before = self._clock.monotonic() - self._idle_after
        closed = sum(bay.agents.close_idle(before) for bay in self._bays.values())
        await self._closing.done()
        return closed

    def lane(self, agent_type: str, *, tenant: str, priority: int, deadline: Deadline) -> Loan:
        """Lends a lane for the block; see `Pool.lane`.

        Raises:
            UnknownAgent: The pool was not made with this type.
        """
        bay = self._bays.get(agent_type)
        if bay is None:
            raise UnknownAgent(f"There are no lanes for `{agent_type}`. Ask for an agent type of the catalogue.")
        return Loan(self._lender, bay, tenant=tenant, priority=priority, deadline=deadline)

    def statistics(self) -> dict[str, Any]:
        """The figures of `GET /pool/stats`; rates are ratios in [0, 1], times are seconds, `rate` is lanes a second."""
        admission, tally, bays = self._admission, self._tally, self._bays
        pressure = self.pressure()
        return {
            "total_agents": sum(bay.agents.count for bay in bays.values()),
            "max_pool_size": pressure.lanes,
            "pool_utilization": min(1.0, pressure.in_use / pressure.lanes),
            "agent_types": {agent_type: self._type_statistics(bay) for agent_type, bay in bays.items()},
            "total_agents_created": sum(bay.agents.created for bay in bays.values()),
            "total_tasks_processed": tally.processed,
            "avg_task_duration": tally.average,
            "pool_hit_rate": tally.hit_rate,
            "active": pressure.in_use,
            "waiting": pressure.waiting,
            "waiting_by_priority": {
                str(n): waiting for n, waiting in enumerate(admission.queue.by_priority(), start=1)
            },
            "tenants_waiting": admission.tenants.waiting,
            "longest_wait": pressure.longest_wait,
            "rate": pressure.rate,
            "refused": dict(admission.gauges.refused),
        }

    def _type_statistics(self, bay: Bay) -> dict[str, int]:
        return {
            "count": bay.agents.count,
            "active": self._admission.used(bay.agent_type),
            "total_tasks": bay.tasks,
            "waiting": self._admission.queue.waiting(bay.agent_type),
            "max_concurrent": self._admission.most(bay.agent_type),
        }

    def _settle_size(self) -> None:
        lanes = self._size if self._ceiling is None else min(self._size, self._ceiling)
        self._admission.resize(max(1, lanes), self._clock.monotonic())

    def _returned(self, bay: Bay) -> None:
        if self._shut:
            self._close_if_unused(bay)

    def _close_if_unused(self, bay: Bay) -> None:
        if self._admission.used(bay.agent_type) == 0:
            bay.agents.close()

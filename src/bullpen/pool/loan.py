"""A lane, lent for a block."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from bullpen.clock import Clock
from bullpen.errors import BullpenError, DeadlineExceeded
from bullpen.pool.agents import Held
from bullpen.pool.bay import Bay
from bullpen.pool.gauges import Gauges
from bullpen.pool.permits import Permits
from bullpen.pool.ports import Lane
from bullpen.pool.tally import Tally
from bullpen.resilience import Deadline

__all__ = ["Lender", "Loan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """What every loan of one pool needs.

    Attributes:
        permits: Takes permits and gives them back.
        tally: Where loans are counted.
        gauges: Where they are shown.
        clock: Measures waits and runs.
        returned: Told of the bay to which something came back.
    """

    permits: Permits
    tally: Tally
    gauges: Gauges
    clock: Clock
    returned: Callable[[Bay], None]


class Loan:
    """An async context, to be entered once; see `Pool.lane`."""

    __slots__ = ("_bay", "_began", "_deadline", "_had", "_held", "_lender", "_number", "_priority", "_tenant")

    def __init__(self, lender: Lender, bay: Bay, *, tenant: str, priority: int, deadline: Deadline) -> None:
        """Takes nothing yet."""
        self._lender = lender
        self._bay = bay
        self._tenant = tenant
        self._priority = priority
        self._deadline = deadline

    async def __aenter__(self) -> Lane:
        """Waits for a permit, and for an agent."""
        lender, bay = self._lender, self._bay
        asked = lender.clock.monotonic()
        held = self._held = await self._hold()
        self._began, self._had = lender.clock.monotonic(), self._deadline.remaining()
        wait = self._began - asked
        lender.gauges.waited(bay.agent_type, wait)
        self._number = bay.take_number()
        return Lane(name=f"{bay.agent_type}_{self._number}", agent=held.agent, wait=wait)

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Gives everything back; waits for nothing."""
        lender, bay, held = self._lender, self._bay, self._held
        held.intact = error is None or (isinstance(error, BullpenError) and not isinstance(error, DeadlineExceeded))
        held.since = lender.clock.monotonic()
        seconds = held.since - self._began
        bay.give_number(self._number)
        bay.tasks += 1
        lender.tally.finish(seconds)
        lender.gauges.held(seconds)
        bay.agents.give_back(held)
        lender.permits.give(bay.agent_type, tenant=self._tenant, held=seconds, had=self._had, cut=not held.intact)
        lender.returned(bay)

    async def _hold(self) -> Held:
        lender, bay, tenant, deadline = self._lender, self._bay, self._tenant, self._deadline
        waited = await lender.permits.take(bay.agent_type, tenant=tenant, priority=self._priority, deadline=deadline)
        ready = bay.agents.ready(tenant)
        try:
            held = ready or await bay.build(tenant, deadline=deadline)
        except BaseException:
            lender.permits.give(bay.agent_type, tenant=tenant)
            lender.returned(bay)
            raise
        lender.tally.grant(hit=ready is not None and not waited)
        return held

"""Permits, waited for: within the deadline, within the pool's patience, and whatever becomes of the task that waits."""

import asyncio
import math
from typing import assert_never

from bullpen.clock import Clock
from bullpen.errors import BullpenError, DeadlineExceeded, ShuttingDown
from bullpen.pool.admission import Admission
from bullpen.pool.tenants import Tenant
from bullpen.pool.ticket import Outcome, Ticket
from bullpen.resilience import Deadline

__all__ = ["Permits"]


class Permits:
    """Takes permits of an admission, and waits for them where there are none."""

    def __init__(self, admission: Admission, *, max_wait: float, clock: Clock) -> None:
        """`max_wait` is in seconds."""
        self._admission = admission
        self._max_wait = max_wait
        self._clock = clock
        self._shut = False

    async def take(self, agent_type: str, *, tenant: str, priority: int, deadline: Deadline) -> bool:
        """Takes a permit, and says whether that meant waiting.

        Raises:
            PoolExhausted: Too many wait already, or none came free in time, or would.
            DeadlineExceeded: The deadline passed.
            ShuttingDown: `shut` was called.
        """
        if self._shut:
            raise _shutting_down()
        deadline.check()
        found = self._admission.tenants.find(tenant)
        if self._admission.lend(agent_type, found):
            return False
        await self._wait(agent_type, found, priority=priority, remaining=deadline.remaining())
        return True

    def give(
        self, agent_type: str, *, tenant: str, held: float | None = None, had: float = math.inf, cut: bool = False
    ) -> None:
        """Gives a permit back after `held` seconds of the `had` there were, or unused, and a lane to whoever is next.

        A run that was `cut` off by its deadline, or by its caller, says little about how long runs take.
        """
        tenants, now = self._admission.tenants, self._clock.monotonic()
        self._admission.give(agent_type, tenants.find(tenant), held=held, now=now, had=had, cut=cut)

    def shut(self) -> None:
        """Sends everybody away, those who wait and those who come."""
        self._shut = True
        self._admission.shut(self._clock.monotonic())

    async def _wait(self, agent_type: str, tenant: Tenant, *, priority: int, remaining: float) -> None:
        loop, now = asyncio.get_running_loop(), self._clock.monotonic()
        called: asyncio.Future[Outcome] = loop.create_future()
        ticket = Ticket(
            agent_type=agent_type, tenant=tenant, priority=priority, since=now, until=now + remaining, called=called
        )
        self._admission.join(ticket, max_wait=self._max_wait)
        timer = loop.call_later(min(remaining, self._max_wait), self._expire, ticket)
        try:
            outcome = await called
        except asyncio.CancelledError:
            self._let_go(ticket, called)
            raise
        finally:
            timer.cancel()
        if outcome != "lane":
            raise self._unlucky(ticket, outcome, by_deadline=remaining <= self._max_wait)

    def _expire(self, ticket: Ticket) -> None:
        self._admission.leave(ticket, "expired", now=self._clock.monotonic())

    def _let_go(self, ticket: Ticket, called: asyncio.Future[Outcome]) -> None:
        """Whoever waited was cancelled: the place in the queue is free, or the lane that was lent in that moment is."""
        now = self._clock.monotonic()
        waited = self._admission.leave(ticket, None, now=now)
        if waited and now >= ticket.until:
            self._admission.gauges.refuse("timeout")  # whoever bounds the run from outside was quicker than our timer
        if not waited and not called.cancelled() and called.result() == "lane":
            self._admission.give(ticket.agent_type, ticket.tenant, held=None, now=now)

    def _unlucky(self, ticket: Ticket, outcome: Outcome, *, by_deadline: bool) -> BullpenError:
        now = self._clock.monotonic()
        match outcome:
            case "displaced":
                return self._admission.refused(ticket, "displaced", now=now)
            case "late":
                return self._admission.refused(ticket, "deadline", now=now)
            case "expired" if by_deadline:
                self._admission.gauges.refuse("timeout")
                return DeadlineExceeded(
                    f"No lane for `{ticket.agent_type}` came free before the deadline. Send a longer `timeout`."
                )
            case "expired":
                return self._admission.refused(ticket, "timeout", now=now)
            case "shut" | "lane":
                return _shutting_down()
            case _:
                assert_never(outcome)


def _shutting_down() -> ShuttingDown:
    return ShuttingDown("This replica is stopping and takes no new runs. Send the request again.")

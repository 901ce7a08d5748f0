"""Permits, counted: so many in all, so many of a type, and a line for those who come when there is none."""

import asyncio
from collections.abc import Mapping
from typing import Final

from bullpen.clock import Clock
from bullpen.errors import DeadlineExceeded, PoolExhausted, ShuttingDown
from bullpen.pool.queue import Queue, Ticket
from bullpen.pool.tally import Tally
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics

__all__ = ["Permits"]

_POOL_TYPE: Final = "agent_pool"


class Permits:
    """Who may run now.

    What is free and wanted is granted at once, by whoever frees it, so nobody waits whose type and whose pool have
    room. A permit is granted to a ticket, not to a task: a task that is cancelled in that very moment finds it on its
    ticket and passes it on.
    """

    def __init__(
        self,
        *,
        size: int,
        limits: Mapping[str, int],
        max_wait: float,
        max_waiting: int,
        tally: Tally,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        """`limits` has a bound for every agent type; `max_wait` is in seconds."""
        self.queue = Queue()
        self.in_use = 0
        self._size = size
        self._limits = limits
        self._used = dict.fromkeys(limits, 0)
        self._max_wait = max_wait
        self._max_waiting = max_waiting
        self._tally = tally
        self._clock = clock
        self._shut = False
        self._active = {agent_type: metrics.active_agents.labels(agent_type) for agent_type in limits}
        self._utilization = metrics.pool_utilization_percent.labels(_POOL_TYPE)
        self._waiting = metrics.task_queue_size
        metrics.pool_size.labels(_POOL_TYPE).set(size)

    def used(self, agent_type: str) -> int:
        """Permits of this type that are out."""
        return self._used[agent_type]

    def longest_wait(self) -> float:
        """Seconds the one who waits longest has waited so far; 0 when nobody does."""
        since = self.queue.since()
        return 0.0 if since is None else self._clock.monotonic() - since

    async def take(self, agent_type: str, *, tenant: str, priority: int, deadline: Deadline) -> bool:
        """Takes a permit, and says whether that meant waiting.

        Raises:
            PoolExhausted: Too many wait already, or none came free in time.
            DeadlineExceeded: The deadline passed.
            ShuttingDown: `shut` was called.
        """
        if self._shut:
            raise _shutting_down()
        deadline.check()
        if self._admits(agent_type):
            self._count(agent_type, 1)
            return False
        if len(self.queue) >= self._max_waiting:
            raise self._exhausted(agent_type, f"{len(self.queue)} requests wait already")
        await self._wait(agent_type, tenant, priority, deadline)
        return True

    def give(self, agent_type: str) -> None:
        """Gives a permit back and, for one permit lets in one at most, hands it to whoever is next."""
        self._count(agent_type, -1)
        if ticket := self.queue.next(self._admits):
            self._count(ticket.agent_type, 1)
            ticket.called.set_result(True)

    def shut(self) -> None:
        """Sends everybody away, those who wait and those who come."""
        self._shut = True
        while ticket := self.queue.next(lambda _: True):
            ticket.called.set_result(False)

    async def _wait(self, agent_type: str, tenant: str, priority: int, deadline: Deadline) -> None:
        patience = deadline.remaining()
        called = asyncio.get_running_loop().create_future()
        since = self._clock.monotonic()
        ticket = Ticket(agent_type=agent_type, tenant=tenant, priority=priority, since=since, called=called)
        self.queue.join(ticket)
        self._waiting.set(len(self.queue))
        try:
            await asyncio.wait((called,), timeout=min(patience, self._max_wait))
        except asyncio.CancelledError:
            if not self.queue.leave(ticket) and called.result():
                self.give(agent_type)
            raise
        else:
            self._conclude(ticket, by_deadline=patience <= self._max_wait)
        finally:
            self._waiting.set(len(self.queue))

    def _conclude(self, ticket: Ticket, *, by_deadline: bool) -> None:
        if self.queue.leave(ticket):
            if by_deadline:
                raise DeadlineExceeded(
                    f"No lane for `{ticket.agent_type}` came free before the deadline. Send a longer `timeout`."
                )
            raise self._exhausted(ticket.agent_type, f"none came free in {self._max_wait:g} s")
        if not ticket.called.result():
            raise _shutting_down()

    def _admits(self, agent_type: str) -> bool:
        return self.in_use < self._size and self._used[agent_type] < self._limits[agent_type]

    def _count(self, agent_type: str, change: int) -> None:
        self._used[agent_type] += change
        self.in_use += change
        self._active[agent_type].set(self._used[agent_type])
        self._utilization.set(100 * self.in_use / self._size)

    def _exhausted(self, agent_type: str, why: str) -> PoolExhausted:
        whole = self._tally.retry_after(waiting=len(self.queue), lanes=self._size)
        own = self._tally.retry_after(waiting=self.queue.waiting(agent_type), lanes=self._limits[agent_type])
        after = max(whole, own)
        return PoolExhausted(
            f"Every lane for `{agent_type}` is busy, and {why}. Try again in {after:.0f} s.", retry_after=after
        )


def _shutting_down() -> ShuttingDown:
    return ShuttingDown("This replica is stopping and takes no new runs. Send the request again.")

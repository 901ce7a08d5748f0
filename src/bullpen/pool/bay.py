"""What the pool keeps for one agent type: its agents, and the numbers of its lanes."""

import asyncio
import heapq
from collections.abc import Callable

from bullpen.errors import DeadlineExceeded
from bullpen.pool.agents import Agents, Closing, Held, LentAgents, SharedAgent
from bullpen.pool.ports import LaneKind
from bullpen.resilience import Deadline

__all__ = ["Bay"]


class Bay:
    """One agent type in the pool.

    Attributes:
        tasks: How many have come back.
    """

    def __init__(self, kind: LaneKind, *, limit: Callable[[], int], closing: Closing) -> None:
        """`limit` says how many lanes of it there are at the moment."""
        self.agent_type = kind.agent_type
        self.tasks = 0
        self.agents: Agents = (
            SharedAgent(kind, closing=closing) if kind.shared else LentAgents(kind, limit=limit, closing=closing)
        )
        self._free: list[int] = []
        self._numbers = 0

    def take_number(self) -> int:
        """The lowest number no lane of this type has now, from 0."""
        if self._free:
            return heapq.heappop(self._free)
        self._numbers += 1
        return self._numbers - 1

    def give_number(self, number: int) -> None:
        """Frees a number."""
        heapq.heappush(self._free, number)

    async def build(self, tenant: str, *, deadline: Deadline) -> Held:
        """Builds an agent, in time.

        Raises:
            DeadlineExceeded: It took too long.
        """
        try:
            async with asyncio.timeout(deadline.remaining()) as bound:
                return await self.agents.build(tenant)
        except TimeoutError as error:
            if not bound.expired():
                raise
            raise DeadlineExceeded(
                f"`{self.agent_type}` was not built before the deadline. Send a longer `timeout`, or try again."
            ) from error

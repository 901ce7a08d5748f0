"""Where a pool under test gets its agents from."""

import asyncio

from bullpen.pool import LaneKind

__all__ = ["Agent", "Workshop"]


class Agent:
    """What a lane lends."""

    def __init__(self) -> None:
        self.closed = 0


class Workshop:
    """Builds agents and closes them, and remembers each.

    Attributes:
        gate: Building waits while it is cleared.
        closing: Set once an agent is being closed.
        build_error: What building raises.
        close_error: What closing raises.
    """

    def __init__(self) -> None:
        self.agents: list[Agent] = []
        self.builds = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.closing = asyncio.Event()
        self.build_error: Exception | None = None
        self.close_error: Exception | None = None

    @property
    def closed(self) -> list[Agent]:
        return [agent for agent in self.agents if agent.closed]

    async def build(self) -> Agent:
        self.builds += 1
        await self.gate.wait()
        if self.build_error is not None:
            raise self.build_error
        self.agents.append(Agent())
        return self.agents[-1]

    async def close(self, agent: Agent) -> None:
        agent.closed += 1
        self.closing.set()
        if self.close_error is not None:
            raise self.close_error

    def kind(self, agent_type: str = "general", *, shared: bool = True, max_concurrent: int | None = None) -> LaneKind:
        return LaneKind(
            agent_type=agent_type, build=self.build, close=self.close, shared=shared, max_concurrent=max_concurrent
        )

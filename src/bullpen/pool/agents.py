"""Where a lane's agent comes from: one for all lanes of a type, or one of its own.

Both build late and remember no failure. Only building is ever waited for; closing happens in the background.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from bullpen.pool.ports import LaneKind

__all__ = ["Agents", "Closing", "Held", "LentAgents", "SharedAgent"]

_CLOSE_WITHIN: Final = 10.0

_log = structlog.get_logger("bullpen.pool")


@dataclass(slots=True, eq=False)
class Held:
    """An agent in somebody's hands, or on the shelf.

    Attributes:
        tenant: Whom it has worked for. It may carry their state, so it never works for another.
        intact: It may be lent again.
        since: When it was last given back, on the monotonic clock.
    """

    agent: Any
    tenant: str
    intact: bool = True
    since: float = 0.0


class Agents(Protocol):
    """The agents of one type; `created` is how many were ever built."""

    created: int

    @property
    def count(self) -> int:
        """How many there are now."""
        ...

    def ready(self, tenant: str, /) -> Held | None:
        """An agent that needs no building, or None."""
        ...

    async def build(self, tenant: str, /) -> Held:
        """Builds an agent. What goes wrong is raised as it is, and the next one tries again."""
        ...

    def give_back(self, held: Held, /) -> None:
        """Takes an agent back, at `held.since`."""
        ...

    def close_idle(self, before: float, /) -> int:
        """Closes what has been idle since `before` or longer, and says how many."""
        ...

    def close(self) -> None:
        """Closes everything; called when no lane is in use."""
        ...


class Closing:
    """Closes agents in the background, and holds on to that until it is done.

    Failure mode: open. A close that fails, or takes over 10 s, is logged by kind and left.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, kind: LaneKind, agent: Any) -> None:
        """Closes `agent` soon."""
        task = asyncio.create_task(self._close(kind, agent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def done(self) -> None:
        """Waits for every close that has begun."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _close(self, kind: LaneKind, agent: Any) -> None:
        try:
            async with asyncio.timeout(_CLOSE_WITHIN):
                await kind.close(agent)
        except Exception as error:  # noqa: BLE001 - closing is foreign code, and nobody is left to tell but the log
            _log.warning("agent_close_failed", agent_type=kind.agent_type, error=type(error).__name__)


class SharedAgent:
    """One agent for every lane of a type, built once for all who wait for it, kept to the end."""

    def __init__(self, kind: LaneKind, *, closing: Closing) -> None:
        self.created = 0
        self._kind = kind
        self._closing = closing
        self._held: Held | None = None
        self._building: asyncio.Task[Held] | None = None

    @property
    def count(self) -> int:
        """One, once it is built."""
        return int(self._held is not None)

    def ready(self, _tenant: str, /) -> Held | None:
        """The agent, when it is built. It keeps nobody's state, so it serves every tenant."""
        return self._held

    async def build(self, _tenant: str, /) -> Held:
        """Joins the building under way, or begins one. Who gives up waiting does not end it for the others."""
        if self._building is None:
            self._building = asyncio.create_task(self._build())
            self._building.add_done_callback(self._built)
        return await asyncio.shield(self._building)

    def give_back(self, _held: Held, /) -> None:
        """Nothing to do: it was never away."""

    def close_idle(self, _before: float, /) -> int:
        """None: a shared agent costs nothing to keep."""
        return 0

    def close(self) -> None:
        """Closes it, built or half built."""
        if self._building is not None:
            self._building.cancel()
        if self._held is not None:
            self._closing.begin(self._kind, self._held.agent)
            self._held = None

    async def _build(self) -> Held:
        self._held = Held(await self._kind.build(), tenant="")
        self.created += 1
        return self._held

    def _built(self, building: asyncio.Task[Held]) -> None:
        self._building = None
        if not building.cancelled():
            building.exception()  # seen, though everybody who waited for it may have given up


class LentAgents:
    """An agent for each lane, kept warm for its tenant between runs.

    The last one returned is lent first, so that the rest grow idle and are closed. At most `limit()` exist: where one
    more is needed, the longest idle one of another tenant is closed.
    """

    def __init__(self, kind: LaneKind, *, limit: Callable[[], int], closing: Closing) -> None:
        self.created = 0
        self._kind = kind
        self._limit = limit
        self._closing = closing
        self._idle: deque[Held] = deque()  # the longest idle first
        self._lent = 0

    @property
    def count(self) -> int:
        """Those in use and those kept warm."""
        return self._lent + len(self._idle)

    def ready(self, tenant: str, /) -> Held | None:
        """The agent this tenant returned last."""
        for held in reversed(self._idle):
            if held.tenant == tenant:
                self._idle.remove(held)
                self._lent += 1
                return held
        return None

    async def build(self, tenant: str, /) -> Held:
        """Builds one more, making room first."""
        if self.count >= self._limit() and self._idle:
            self._closing.begin(self._kind, self._idle.popleft().agent)
        self._lent += 1
        try:
            held = Held(await self._kind.build(), tenant)
        except BaseException:
            self._lent -= 1
            raise
        self.created += 1
        return held

    def give_back(self, held: Held, /) -> None:
        """Keeps it warm, or closes it when it is not intact."""
        self._lent -= 1
        if held.intact:
            self._idle.append(held)
        else:
            self._closing.begin(self._kind, held.agent)

    def close_idle(self, before: float, /) -> int:
        """Closes those idle since `before` or longer."""
        closed = 0
        while self._idle and self._idle[0].since <= before:
            self._closing.begin(self._kind, self._idle.popleft().agent)
            closed += 1
        return closed

    def close(self) -> None:
        """Closes every idle one."""
        self.close_idle(float("inf"))

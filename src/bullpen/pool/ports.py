"""What a run needs of the pool: a lane, in time, or a clear no."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from bullpen.resilience import Deadline

__all__ = ["Lane", "LaneKind", "Pool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneKind:
    """How the lanes of one agent type are made.

    Attributes:
        agent_type: A name in the catalogue.
        max_concurrent: Lanes of this type in use at once; None leaves the pool's own bound.
        build: Makes an agent to work with.
        close: Closes one that has been idle too long, or at the end.
        shared: One agent serves every lane; otherwise each lane lends one of its own.
    """

    agent_type: str
    build: Callable[[], Awaitable[Any]]
    close: Callable[[Any], Awaitable[None]]
    max_concurrent: int | None = None
    shared: bool = True


@dataclass(slots=True, kw_only=True)
class Lane:
    """A permit to run one agent once, and the agent to run.

    Attributes:
        name: `{type}_{n}`, the lowest number free.
        agent: What `LaneKind.build` made.
        wait: Seconds spent waiting for it.
    """

    name: str
    agent: Any
    wait: float = field(default=0.0)


class Pool(Protocol):
    """Bounded lanes for every agent type.

    Failure mode: closed. No lane means `PoolExhausted` with a time to come back, never an unbounded wait.
    """

    def lane(
        self, agent_type: str, *, tenant: str, priority: int, deadline: Deadline
    ) -> AbstractAsyncContextManager[Lane]:
        """Lends a lane for the block.

        Args:
            agent_type: A type the pool was opened with.
            tenant: Whom the lane is for. An agent that is not shared never works for another.
            priority: 1 (first) to 5. Kept on the ticket, as the tenant is; today the order is that of arrival.
            deadline: The wait never goes past it, nor past the pool's own longest wait.

        Raises:
            PoolExhausted: The queue is full, or no lane came free in time.
            DeadlineExceeded: The deadline passed while waiting.
            ShuttingDown: The pool is closing.
        """
        ...

    def statistics(self) -> dict[str, Any]:
        """The figures of `GET /pool/stats`, under the names users know."""
        ...

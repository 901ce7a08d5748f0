"""What a run needs of the pool: a lane, in time, or a clear no. And what the pool needs of the other replicas."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from bullpen.resilience import Deadline

__all__ = ["Lane", "LaneKind", "Places", "Pool", "Pressure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneKind:
    """How the lanes of one agent type are made.

    Attributes:
        agent_type: A name in the catalogue.
        max_concurrent: Lanes of this type in use at once, over all replicas; None leaves the pool's own bound.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """How hard the pool is pressed.

    Attributes:
        waiting: Requests that wait for a lane.
        longest_wait: Seconds the one who waits longest has waited so far.
        in_use: Lanes in use; after scaling down it may be more than `lanes` for a while.
        lanes: Lanes there are.
        rate: Lanes given back a second, lately.
    """

    waiting: int
    longest_wait: float
    in_use: int
    lanes: int
    rate: float


class Pool(Protocol):
    """Bounded lanes for every agent type.

    Failure mode: closed. No lane means `PoolExhausted` with a time to come back, never an unbounded wait.
    """

    @property
    def lanes(self) -> int:
        """Lanes in use at once, over all types: what it was resized to, or the bound if that is less; at least 1."""
        ...

    def lane(
        self, agent_type: str, *, tenant: str, priority: int, deadline: Deadline
    ) -> AbstractAsyncContextManager[Lane]:
        """Lends a lane for the block.

        Args:
            agent_type: A type the pool was opened with.
            tenant: Whom the lane is for; those who wait take turns by tenant. An agent that is not shared never works
                for another.
            priority: 1 (first) to 5. Who waits moves to the front as time passes; see `bullpen.pool.queue`.
            deadline: The wait never goes past it, nor past the pool's own longest wait.

        Raises:
            PoolExhausted: The queue is full, somebody with a better claim took the place in it, no lane came free in
                time, or none would, at the pace at which lanes come back now; the last is said at once.
            DeadlineExceeded: The deadline passed while waiting.
            ShuttingDown: The pool is closing.
        """
        ...

    def resize(self, lanes: int) -> None:
        """Changes the number of lanes. Fewer takes none from those who have one."""
        ...

    def bound(self, lanes: int | None) -> None:
        """Sets a ceiling over whatever `resize` says; None lifts it."""
        ...

    def pressure(self) -> Pressure:
        """How hard the pool is pressed now."""
        ...

    def statistics(self) -> dict[str, Any]:
        """The figures of `GET /pool/stats`, under the names users know."""
        ...


class Places(Protocol):
    """Places of agent types with a `max_concurrent`, which hold over all replicas. Types without have no bound here.

    Nothing in it waits. A place that another replica has to give up, or that has to be asked for, comes later, and
    whoever watches is told.

    Failure mode: degraded. While the other replicas cannot be asked, this one has its part of each bound, at least 1.
    A place of a process that died without giving it back is free again within 10 s.
    """

    def most(self, agent_type: str, /) -> int | None:
        """How many places this process could have at once; None without a bound."""
        ...

    def free(self, agent_type: str, /) -> bool:
        """Whether one can be taken at once."""
        ...

    def take(self, agent_type: str, /) -> None:
        """Takes one that is free."""
        ...

    def give(self, agent_type: str, /) -> None:
        """Gives one back that was taken."""
        ...

    def want(self, agent_type: str, number: int, /) -> None:
        """So many would be taken if they were free. It is said whenever it changes; 0 gives up what is not taken."""
        ...

    def watch(self, freed: Callable[[], None], /) -> None:
        """Calls `freed` whenever a place has come that was wanted."""
        ...

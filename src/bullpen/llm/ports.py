"""What a guarded model call asks of higher floors; `bootstrap` fits the adapters."""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

__all__ = ["Attempt", "Budget", "ModelName", "Outcome", "Prices", "UsageSink"]

Outcome: TypeAlias = Literal["success", "error", "timeout", "cancelled"]


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model as its provider knows it, written `provider:id`."""

    provider: str
    id: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at one model call: the line that is booked.

    Attributes:
        number: Counts from 1 inside the run, over all its model calls.
        cost: Micro-dollars.
        estimated: The tokens were estimated, because the call ended before the provider told them.
        counted: The answer was used. False means its tokens were spent and lost, and are charged all the same.
        duration: Seconds.
    """

    run_id: str
    number: int
    tenant: str
    user_id: str
    agent_type: str
    model: ModelName
    input_tokens: int
    output_tokens: int
    cost: int
    estimated: bool
    counted: bool
    outcome: Outcome
    duration: float


class UsageSink(Protocol):
    """Where every attempt is booked.

    Failure mode: `record` must not raise and must not wait; an adapter that needs I/O appends and writes behind.
    """

    def record(self, attempt: Attempt) -> None:
        """Books one attempt, whatever came of it."""
        ...

    def hedged(self, model: ModelName) -> None:
        """Counts that a call of `model` took so long that a second one was made beside it."""
        ...

    def failed_over(self, model: ModelName, to: ModelName) -> None:
        """Counts that `model` could not do it and the next one of the chain is asked."""
        ...


class Prices(Protocol):
    """What tokens cost.

    Failure mode: open. An unknown model costs 0 and is counted by the adapter as unpriced; it never fails a call.
    """

    def cost(self, model: ModelName, *, input_tokens: int, output_tokens: int) -> int:
        """Micro-dollars, rounded half up once per attempt."""
        ...


class Budget(Protocol):
    """Whether a call may be paid for: reserved before, settled after, atomically.

    Failure mode: closed for a hard limit. The default allows everything until the money issue fits a ledger.
    """

    async def reserve(
        self, *, tenant: str, user_id: str, model: ModelName, input_tokens: int, output_tokens: int
    ) -> str:
        """Holds what so many tokens would cost and returns a reservation id, or raises one of our errors.

        The tokens are what the call may use at most: those sent, estimated, and the longest answer allowed. Whoever is
        cancelled while waiting here holds nothing.
        """
        ...

    async def settle(self, reservation: str, *, cost: int) -> None:
        """Replaces the reservation by what was spent, micro-dollars.

        Called once for each reservation, whatever became of its call. The caller may be cancelled while it waits here:
        an adapter that needs I/O writes behind, or holds nothing for ever.
        """
        ...

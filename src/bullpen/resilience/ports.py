"""What a model call needs of the breakers: a way in, or a clear no."""

from typing import Any, Literal, Protocol, TypeAlias

from bullpen.errors import CircuitOpen

__all__ = ["Breakers", "Outcome", "Passage", "State"]

Outcome: TypeAlias = Literal["success", "failure", "neutral"]
"""How a call ended. Neutral is what says nothing of the model: a mistake of ours in the request, or a hang-up."""

State: TypeAlias = Literal["closed", "half_open", "open"]


class Passage(Protocol):
    """One call that was let through."""

    def leave(self, outcome: Outcome) -> None:
        """Tells how it ended. Only the first word counts; never waits and never raises.

        A passage that is never left counts nowhere, and if it was a probe, its place is free again after a while.
        """
        ...


class Breakers(Protocol):
    """A circuit breaker for each model, by its name: `provider:model`.

    Failure mode: degraded. Where replicas share their breakers and the store of them is away, each decides alone by
    what it has counted itself.
    """

    async def enter(self, name: str) -> Passage:
        """Lets a call through. While the model works this waits for nothing.

        Raises:
            CircuitOpen: The model has failed too often, or comes back and somebody else is trying it; `retry_after`
                says when to ask again, in seconds.
        """
        ...

    def refusal(self, name: str) -> CircuitOpen | None:
        """What `enter` would raise now; None where it would let a call through, or had to ask. Waits for nobody."""
        ...

    def standings(self) -> list[dict[str, Any]]:
        """Every model that was ever called here, ready for JSON.

        Each has `provider`, `model` and `state`; `failures` of `calls` in the window, as this replica counted them;
        `opened_for` and `retry_after` in seconds, null when closed; `successes`, the probes that went well so far;
        and `shared`, whether all replicas decide together now.
        """
        ...

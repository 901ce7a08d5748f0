"""The breakers of one process."""

from typing import Any

from bullpen.clock import Clock, SystemClock
from bullpen.errors import CircuitOpen
from bullpen.resilience.breaker import BreakerPolicy
from bullpen.resilience.circuits import MOST, Circuit, Circuits, circuit_open
from bullpen.resilience.ports import Outcome, Passage
from bullpen.telemetry import Metrics

__all__ = ["LocalBreakers"]


class LocalBreakers:
    """Implements `Breakers` in memory. Never away."""

    def __init__(
        self, *, metrics: Metrics, policy: BreakerPolicy | None = None, clock: Clock | None = None, most: int = MOST
    ) -> None:
        """Breakers by one policy for all models.

        Args:
            metrics: Where their states and changes show.
            policy: When they open and close.
            clock: Whose monotonic time counts.
            most: Breakers kept at once.
        """
        self._now = (clock or SystemClock()).monotonic
        self._circuits = Circuits(Circuit, policy=policy or BreakerPolicy(), metrics=metrics, most=most)

    async def enter(self, name: str) -> Passage:
        """See `Breakers.enter`."""
        circuit = self._circuits[name]
        breaker = circuit.breaker
        if breaker.state == "closed":
            return _Passage(self, circuit, breaker.turn)
        now = self._now()
        ticket = breaker.enter(now)
        self._circuits.show(circuit)
        if ticket is None:
            raise circuit_open(name, wait=breaker.wait(now))
        return _Passage(self, circuit, ticket)

    def refusal(self, name: str) -> CircuitOpen | None:
        """See `Breakers.refusal`."""
        return self._circuits.refusal(name, self._now())

    def standings(self) -> list[dict[str, Any]]:
        """See `Breakers.standings`."""
        return self._circuits.standings(self._now(), shared=False)

    def ended(self, circuit: Circuit, ticket: int, outcome: Outcome) -> None:
        """A call has ended; its passage says so."""
        circuit.breaker.leave(ticket, outcome, self._now())
        self._circuits.show(circuit)


class _Passage:
    __slots__ = ("_breakers", "_circuit", "_ticket")

    def __init__(self, breakers: LocalBreakers, circuit: Circuit, ticket: int) -> None:
        self._breakers: LocalBreakers | None = breakers
        self._circuit = circuit
        self._ticket = ticket

    def leave(self, outcome: Outcome) -> None:
        breakers, self._breakers = self._breakers, None
        if breakers is not None:
            breakers.ended(self._circuit, self._ticket, outcome)

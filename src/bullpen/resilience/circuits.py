"""The breakers of one process, by name, and what others see of them: errors, log lines, figures."""

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any, Final, Generic, TypeVar

import structlog

from bullpen.errors import CircuitOpen
from bullpen.resilience.breaker import Breaker, BreakerPolicy
from bullpen.resilience.labels import labels
from bullpen.resilience.ports import State
from bullpen.telemetry import Metrics

__all__ = ["MOST", "Circuit", "Circuits", "circuit_open"]

MOST: Final = 1000
"""Breakers kept at once. A catalogue names far fewer models."""

_SHOWN: Final[dict[State, int]] = {"closed": 0, "half_open": 1, "open": 2}
_EVENTS: Final[dict[State, str]] = {
    "closed": "circuit_closed",
    "half_open": "circuit_half_open",
    "open": "circuit_opened",
}
_LEAST: Final = 0.1  # seconds: nobody is sent back to come again at this very moment

_log = structlog.get_logger("bullpen.resilience")


class Circuit:
    """One model's breaker.

    Attributes:
        shown: The state that was last told of.
    """

    __slots__ = ("breaker", "name", "shown")

    def __init__(self, name: str, policy: BreakerPolicy) -> None:
        self.name = name
        self.breaker = Breaker(policy)
        self.shown: State = "closed"


_C = TypeVar("_C", bound=Circuit)


class Circuits(Generic[_C]):
    """Every breaker that was ever asked for, up to `most`: then the first that is closed begins anew."""

    def __init__(
        self, make: Callable[[str, BreakerPolicy], _C], *, policy: BreakerPolicy, metrics: Metrics, most: int = MOST
    ) -> None:
        self._make = make
        self._policy = policy
        self._metrics = metrics
        self._most = most
        self._circuits: dict[str, _C] = {}

    def __getitem__(self, name: str) -> _C:
        return self._circuits.get(name) or self._add(name)

    def get(self, name: str) -> _C | None:
        """The breaker of this name, if it was asked for before."""
        return self._circuits.get(name)

    def refusal(self, name: str, now: float) -> CircuitOpen | None:
        """See `Breakers.refusal`."""
        circuit = self._circuits.get(name)
        wait = circuit.breaker.wait(now) if circuit else 0.0
        return circuit_open(name, wait=wait) if wait else None

    def __iter__(self) -> Iterator[_C]:
        return iter(self._circuits.values())

    def show(self, circuit: _C) -> None:
        """Tells of a change of state, if there was one since it was last shown."""
        breaker = circuit.breaker
        if breaker.state == circuit.shown:
            return
        circuit.shown = breaker.state
        named = labels(circuit.name)
        self._metrics.breaker_state.labels(*named).set(_SHOWN[breaker.state])
        self._metrics.breaker_transitions_total.labels(*named, breaker.state).inc()
        tell = _log.warning if breaker.state == "open" else _log.info
        window = breaker.window
        tell(_EVENTS[breaker.state], model=circuit.name, failures=window.failures, calls=window.calls)

    def standings(self, now: float, *, shared: bool) -> list[dict[str, Any]]:
        """See `Breakers.standings`."""
        for each in self:
            each.breaker.ripen(now)
            self.show(each)
        return [_standing(each, now) | {"shared": shared} for each in self]

    def _add(self, name: str) -> _C:
        if len(self._circuits) >= self._most:
            closed = (each.name for each in self if each.breaker.state == "closed")
            del self._circuits[next(closed, next(iter(self._circuits)))]
        circuit = self._circuits[name] = self._make(name, self._policy)
        self._metrics.breaker_state.labels(*labels(name)).set(0)
        return circuit


def circuit_open(name: str, *, wait: float) -> CircuitOpen:
    """The no of a breaker, to be asked again after `wait` seconds."""
    again = f"Try again in {ceil(wait)} s, or use another model."
    return CircuitOpen(f"{name} has failed too often, and is left alone. {again}", retry_after=max(_LEAST, wait))


def _standing(circuit: Circuit, now: float) -> dict[str, Any]:
    breaker = circuit.breaker
    breaker.window.slide(now)
    provider, model = labels(circuit.name)
    opened_for = breaker.opened_for(now)
    return {
        "provider": provider,
        "model": model,
        "state": breaker.state,
        "failures": breaker.window.failures,
        "calls": breaker.window.calls,
        "opened_for": opened_for if opened_for is None else round(opened_for, 3),
        "retry_after": None if breaker.state == "closed" else round(breaker.wait(now), 3),
        "successes": breaker.successes,
    }

"""How many calls each model is given at once by this process, and when it is given none."""

from collections.abc import Mapping
from typing import Any

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.resilience.deadline import Deadline
from bullpen.resilience.gradient import AdaptivePolicy, Gradient
from bullpen.resilience.headers import asked_rest
from bullpen.resilience.labels import labels
from bullpen.resilience.slots import Slot, Slots
from bullpen.telemetry import Metrics

__all__ = ["AdaptiveLimits"]

_log = structlog.get_logger("bullpen.resilience")


class AdaptiveLimits:
    """A limit for each model, by its name: `provider:model`. Names are the catalogue's, so there are few.

    Failure mode: open. What a provider says in a form nobody knows is ignored; nothing here waits for I/O.
    """

    def __init__(
        self,
        *,
        metrics: Metrics,
        policy: AdaptivePolicy | None = None,
        rest_max: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        """Limits by one policy for all models.

        Args:
            metrics: Where limits, calls and rests show.
            policy: Between what a limit moves, and when.
            rest_max: The longest rest in seconds, whatever a provider asks for: one wrong header does not lose a model.
            clock: Measures rests and round trips, and reads headers that are dates.
        """
        self._metrics = metrics
        self._policy = policy or AdaptivePolicy()
        self._rest_max = rest_max
        self._clock = clock or SystemClock()
        self._models: dict[str, _Limited] = {}

    async def enter(self, name: str, *, deadline: Deadline, patience: float) -> Slot:
        """Lets a call through, in order of arrival. While there is room this waits for nothing.

        Args:
            name: Of the model.
            deadline: Nobody waits beyond it.
            patience: Seconds to wait at most.

        Raises:
            ModelBusy: No slot came free in time; at once when the model rests for longer. `retry_after` says when to
                ask again, in seconds.
        """
        slots = self._model(name).slots
        return slots.take() or await slots.wait(patience=min(patience, deadline.remaining()))

    def rest(self, name: str, *, seconds: float) -> None:
        """Lets nobody in for `seconds`, because the provider said so."""
        seconds = min(seconds, self._rest_max)
        if self._model(name).slots.rest(seconds):
            self._metrics.model_rests_total.labels(*labels(name)).inc()
            _log.info("model_rests", model=name, seconds=round(seconds, 3))

    def learn(self, name: str, headers: Mapping[str, str]) -> None:
        """Reads what the headers of an answer say of the provider's limits; names in lower case."""
        if seconds := asked_rest(headers, now=self._clock.now()):
            self.rest(name, seconds=seconds)

    def latency(self, name: str) -> float | None:
        """Seconds the model takes to answer, smoothed; None when it never did."""
        limited = self._models.get(name)
        return limited.gradient.latency if limited else None

    def standings(self) -> list[dict[str, Any]]:
        """Every model that was ever called here, ready for JSON.

        Each has `provider` and `model`; `limit`, the calls it is given at once, `in_flight` and `waiting`; `latency` in
        seconds, null before the first answer; and `resting`, the seconds it is left alone for yet.
        """
        return [_standing(name, each) for name, each in self._models.items()]

    def _model(self, name: str) -> "_Limited":
        limited = self._models.get(name)
        if limited is None:
            limited = self._models[name] = _Limited(name, self._policy, self._metrics, self._clock)
        return limited


class _Limited:
    """One model's limit, and its slots."""

    __slots__ = ("gradient", "slots")

    def __init__(self, name: str, policy: AdaptivePolicy, metrics: Metrics, clock: Clock) -> None:
        self.gradient = Gradient(policy, clock=clock)
        self.slots = Slots(name, gradient=self.gradient, metrics=metrics, clock=clock)


def _standing(name: str, limited: _Limited) -> dict[str, Any]:
    provider, model = labels(name)
    slots, latency = limited.slots, limited.gradient.latency
    return {
        "provider": provider,
        "model": model,
        "limit": limited.gradient.limit,
        "in_flight": slots.in_flight,
        "waiting": slots.waiting,
        "latency": latency if latency is None else round(latency, 6),
        "resting": round(slots.resting(), 3),
    }

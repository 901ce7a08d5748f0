"""The rounds of scaling: look, decide, do, and say why."""

import math
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.operations.ports import Lanes
from bullpen.operations.scaling import Decision, Policy, decide
from bullpen.operations.signals import Instruments, Signals, export
from bullpen.rounds import Rounds
from bullpen.telemetry import Metrics

__all__ = ["Scaler"]

_EVERY: Final = 30.0
_KEPT: Final = 100

_log = structlog.get_logger("bullpen.operations")


class Scaler:
    """Looks at the load every so often, changes the lanes of this process, and says how many replicas it would have.

    Replicas are for the cluster to change: the number wanted is a gauge. Switched off it goes on to export the load,
    and decides nothing.
    """

    def __init__(
        self,
        *,
        instruments: Instruments,
        pool: Lanes,
        metrics: Metrics,
        policy: Policy,
        replicas: Callable[[], int] = lambda: 1,
        bound: Callable[[], int | None] = lambda: None,
        enabled: bool = True,
        every: float = _EVERY,
        clock: Clock | None = None,
    ) -> None:
        """Begins with `start`.

        Args:
            instruments: Where the load is read.
            pool: Whose lanes are changed.
            metrics: Where load and decisions go.
            policy: When, and how far.
            replicas: How many there are now.
            bound: The most lanes self-tuning allows now.
            enabled: Whether anything is decided at all.
            every: Pause between two looks, seconds.
            clock: Measures cool-downs, and dates decisions.
        """
        self._instruments = instruments
        self._pool = pool
        self._metrics = metrics
        self._policy = policy
        self._replicas = replicas
        self._bound = bound
        self._enabled = enabled
        self._clock = clock or SystemClock()
        self._rounds = Rounds(self.look, every=every, name="scaling")
        self._desired: int | None = None
        self._replicas_at = self._lanes_at = -math.inf
        self._lanes = policy.start_lanes
        self._told: tuple[object, ...] = ()
        self._decisions: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def start(self) -> None:
        """Begins: with the lanes of the start, unless it is switched off."""
        if self._enabled:
            self._pool.resize(self._lanes)
            wanted = self._policy.within(self._replicas())
            self._metrics.desired_replicas.set(wanted)
            self._metrics.recommended_replicas.set(wanted)
            self._metrics.scaling_target_percent.labels("cpu").set(self._policy.cpu_target)
            self._metrics.scaling_target_percent.labels("memory").set(self._policy.memory_target)
        self._rounds.start()

    async def aclose(self) -> None:
        """Decides no more."""
        await self._rounds.aclose()

    def look(self) -> Decision | None:
        """One round; the decision, unless it is switched off."""
        signals = self._signals()
        export(signals.load, self._metrics)
        if not self._enabled:
            return None
        decision = decide(signals, self._policy)
        self._do(decision)
        self._tell(decision, signals)
        return decision

    def report(self) -> dict[str, Any]:
        """The figures of `GET /pool/scaling`, the newest decision first; `timestamp` is seconds since 1970."""
        return {
            "enabled": self._enabled,
            "policy": self._policy.as_dict(),
            "signals": self._signals().as_dict(),
            "decisions": list(reversed(self._decisions)),
        }

    def _signals(self) -> Signals:
        now = self._clock.monotonic()
        return Signals(
            load=self._instruments.load(),
            replicas=self._replicas(),
            desired=self._desired,
            since_replicas=now - self._replicas_at,
            lanes=self._lanes if self._enabled else self._pool.lanes,
            since_lanes=now - self._lanes_at,
            bound=self._bound(),
        )

    def _do(self, decision: Decision) -> None:
        now = self._clock.monotonic()
        self._desired = decision.desired
        if decision.desired_by:
            self._replicas_at = now
        if decision.lanes_by:
            self._lanes_at, self._lanes = now, decision.lanes
            self._pool.resize(decision.lanes)

    def _tell(self, decision: Decision, signals: Signals) -> None:
        """Counts each decision; lists and logs those that change something, or that have other reasons than before."""
        self._metrics.scaling_decisions_total.labels(decision.action).inc()
        self._metrics.desired_replicas.set(decision.desired)
        self._metrics.recommended_replicas.set(decision.recommended)
        told = (decision.action, tuple(decision.reasons), tuple(decision.held))
        if decision.action == "none" and told == self._told:
            return
        self._told = told
        shown = decision.as_dict()
        self._decisions.append({"timestamp": self._clock.now(), **shown, "signals": signals.as_dict()})
        _log.info("scaling_decision", **shown)

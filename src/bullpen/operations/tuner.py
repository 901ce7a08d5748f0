"""The rounds of self-tuning: look, decide, do, and write down what it was before and what it is after."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.operations.baseline import measured
from bullpen.operations.caches import Caches
from bullpen.operations.ports import Lanes, Preferences, Shrinkable
from bullpen.operations.signals import Instruments
from bullpen.operations.tuning import Baselines, Ranges, Sight, State, Step, tune
from bullpen.rounds import Rounds
from bullpen.telemetry import Metrics

__all__ = ["Tuner"]

_EVERY: Final = 60.0
_KEPT: Final = 100

_log = structlog.get_logger("bullpen.operations")


class Tuner:
    """Shrinks caches, lowers concurrency and prefers fallbacks, and takes each back when its reason is gone.

    Failure mode: open. A remedy that fails is logged, and the others are applied.
    """

    def __init__(
        self,
        *,
        instruments: Instruments,
        pool: Lanes,
        metrics: Metrics,
        preferences: Preferences,
        models: Callable[[], Iterable[str]],
        latency: Callable[[str], float | None],
        baselines: Baselines | None = None,
        ranges: Ranges | None = None,
        enabled: bool = True,
        every: float = _EVERY,
        clock: Clock | None = None,
    ) -> None:
        """Begins with `start`.

        Args:
            instruments: Where the load is read.
            pool: Whose lanes are bounded.
            metrics: Where steps are counted.
            preferences: Where a slow model is put behind its fallback.
            models: Those that have a fallback, as `provider:model`.
            latency: Of a model, smoothed, seconds; None when it is not known.
            baselines: How it should be.
            ranges: Where remedies begin and end.
            enabled: Whether anything is done at all.
            every: Pause between two looks, seconds.
            clock: Dates what was done.
        """
        self._instruments = instruments
        self._pool = pool
        self._metrics = metrics
        self._preferences = preferences
        self._models = models
        self._latency = latency
        self._baselines = baselines or Baselines()
        self._ranges = ranges or Ranges()
        self._enabled = enabled
        self._clock = clock or SystemClock()
        self._rounds = Rounds(self.look, every=every, name="tuning")
        self._state = State()
        self._caches = Caches()
        self._missed: tuple[str, ...] = ()
        self._done: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def register(self, participant: Shrinkable) -> None:
        """Shrinks this as well when memory is short; one that comes while others are shrunk is left as it is."""
        self._caches.add(participant)

    def start(self) -> None:
        """Begins, unless it is switched off."""
        if self._enabled:
            self._rounds.start()

    async def aclose(self) -> None:
        """Does no more; what was done stays."""
        await self._rounds.aclose()

    def bound(self) -> int | None:
        """The most lanes there may be now; None when it does not mind."""
        return self._state.bound

    def look(self) -> None:
        """One round."""
        load = self._instruments.load()
        sight = Sight(
            memory_percent=load.memory_percent,
            cpu_percent=load.cpu_percent,
            lanes=self._pool.lanes,
            shrinkable=len(self._caches) > 0,
            latencies={name: self._latency(name) for name in self._models()},
        )
        steps, after = tune(sight, self._state, ranges=self._ranges, baselines=self._baselines)
        for step in steps:
            self._take(step)
        self._state = after
        self._summarise()

    def report(self) -> dict[str, Any]:
        """The part `tuning` of `GET /pool/scaling`; the newest step comes first."""
        return {
            "enabled": self._enabled,
            "baselines": measured(self._baselines, load=self._instruments.load(), usage=self._instruments.usage()),
            "bound": self._state.bound,
            "standing_back": [name for name, each in self._state.models.items() if each.away],
            "caches": self._caches.sizes(),
            "actions": list(reversed(self._done)),
        }

    def _take(self, step: Step) -> None:
        try:
            before, after = self._apply(step)
        except Exception:  # noqa: BLE001 -- a remedy is foreign code, and one that fails must not keep the others away
            _log.exception("tuning_failed", action=step.verb)
            return
        told = {"action": step.verb, "reason": step.reason, "before": before, "after": after}
        if step.model:
            told["model"] = step.model
        self._metrics.tuning_actions_total.labels(step.verb).inc()
        self._done.append({"timestamp": self._clock.now(), **told})
        _log.info("tuning_action", **told)

    def _apply(self, step: Step) -> tuple[Any, Any]:
        """Takes the step; how it was before, and how it is after."""
        match step.verb:
            case "shrink_caches":
                return self._caches.shrink()
            case "restore_caches":
                return self._caches.restore()
            case "lower_concurrency" | "raise_concurrency":
                before = self._pool.lanes
                self._pool.bound(step.bound)
                return before, self._pool.lanes
            case "prefer_fallback":
                self._preferences.prefer_fallback(step.model)
                return "first", "behind its fallback"
            case "restore_model":
                self._preferences.restore(step.model)
                return "behind its fallback", "first"

    def _summarise(self) -> None:
        """One line a round; at `info` when other baselines are missed than in the round before."""
        figures = measured(self._baselines, load=self._instruments.load(), usage=self._instruments.usage())
        missed = tuple(name for name, each in figures.items() if not each["met"])
        write = _log.debug if missed == self._missed else _log.info
        write("tuning_summary", missed=missed, **{name: each["measured"] for name, each in figures.items()})
        self._missed = missed

"""How late the event loop is: the figure that shows a blocking call."""

import asyncio
from collections import deque
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from bullpen.clock import Clock, SystemClock
from bullpen.telemetry.metrics import Metrics

__all__ = ["Lateness", "LoopLag"]

_INTERVAL: Final = 0.1
_WINDOW: Final = 60.0
_RANK: Final = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """How late the loop was over the last `window` seconds: at worst, and in all but one of a hundred cases.

    Attributes:
        longest: Seconds.
        p99: Seconds, by nearest rank.
    """

    window: float
    longest: float
    p99: float

    def as_dict(self) -> dict[str, Any]:
        """As shown to callers."""
        return {
            "window": self.window,
            "lag_max_ms": round(self.longest * 1000, 3),
            "lag_p99_ms": round(self.p99 * 1000, 3),
        }


class LoopLag:
    """A timer that measures by how much it was late, into `event_loop_lag_seconds`.

    It belongs to the loop it was started in, and costs one callback an interval.

    Attributes:
        beat: When the loop last came round to it, by the clock's `monotonic`; may be read by any thread.
    """

    def __init__(
        self,
        *,
        metrics: Metrics,
        interval: float = _INTERVAL,
        window: float = _WINDOW,
        clock: Clock | None = None,
    ) -> None:
        """`interval` and the `window` of `recent` are in seconds."""
        self._lag = metrics.event_loop_lag_seconds
        self._interval = interval
        self._window = window
        self._clock = clock or SystemClock()
        self._timer: asyncio.TimerHandle | None = None
        self._measured: deque[tuple[float, float]] = deque(maxlen=ceil(window / interval))
        self.beat = self._clock.monotonic()

    def start(self) -> None:
        """Begins to measure the running loop; a second call changes nothing."""
        if self._timer is None:
            self.beat = self._clock.monotonic()
            self._schedule()

    def stop(self) -> None:
        """Measures no more; harmless when not started."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def recent(self) -> Lateness:
        """How late the loop was lately; zeros before the first measurement."""
        oldest = self._clock.monotonic() - self._window
        late = sorted(lateness for at, lateness in self._measured if at >= oldest) or [0.0]
        return Lateness(window=self._window, longest=late[-1], p99=late[ceil(_RANK * len(late)) - 1])

    def _schedule(self) -> None:
        due = self._clock.monotonic() + self._interval
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._measure, due)

    def _measure(self, due: float) -> None:
        self.beat = self._clock.monotonic()
        late = max(0.0, self.beat - due)
        self._lag.observe(late)
        self._measured.append((self.beat, late))
        self._schedule()

"""How late the event loop is: the figure that shows a blocking call."""

import asyncio
from typing import Final

from bullpen.clock import Clock, SystemClock
from bullpen.telemetry.metrics import Metrics

__all__ = ["LoopLag"]

_INTERVAL: Final = 0.1


class LoopLag:
    """A timer that measures by how much it was late, into `event_loop_lag_seconds`.

    It belongs to the loop it was started in, and costs one callback an interval.
    """

    def __init__(self, *, metrics: Metrics, interval: float = _INTERVAL, clock: Clock | None = None) -> None:
        """`interval` is in seconds."""
        self._lag = metrics.event_loop_lag_seconds
        self._interval = interval
        self._clock = clock or SystemClock()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to measure the running loop; a second call changes nothing."""
        if self._timer is None:
            self._schedule()

    def stop(self) -> None:
        """Measures no more; harmless when not started."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        due = self._clock.monotonic() + self._interval
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._measure, due)

    def _measure(self, due: float) -> None:
        self._lag.observe(max(0.0, self._clock.monotonic() - due))
        self._schedule()

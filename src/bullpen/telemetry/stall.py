"""Who holds up the event loop: a thread that looks at the loop's pulse, and names the code that stops it."""

import sys
import threading
from itertools import islice
from threading import Thread
from traceback import walk_stack
from types import FrameType
from typing import Final

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.telemetry.lag import LoopLag
from bullpen.telemetry.metrics import Metrics

__all__ = ["StallWatch"]

_AFTER: Final = 1.0
_EVERY: Final = 0.25
_DEEPEST: Final = 60
_LAST_WAIT: Final = 1.0

_log = structlog.get_logger("bullpen.loop")


class StallWatch:
    """Logs once a stall where the loop's thread is, and when it is over, how long it took.

    It needs no loop: a daemon thread wakes up four times a second, and looks at when the loop came round last. What is
    logged are places in the code, the innermost first: no variables, and no text of the source.

    Failure mode: open. Code that holds the interpreter's lock holds this thread as well, so it is seen as soon as it
    lets go; a stall that ends before anybody could look is only measured, by `LoopLag`.
    """

    def __init__(
        self,
        *,
        lag: LoopLag,
        metrics: Metrics,
        after: float = _AFTER,
        every: float = _EVERY,
        clock: Clock | None = None,
    ) -> None:
        """Begins with `start`.

        Args:
            lag: The loop's pulse, which must have been started.
            metrics: Counts stalls.
            after: Silence of the loop that is a stall, seconds.
            every: Pause between two looks, seconds.
            clock: The one `lag` goes by.
        """
        self._lag = lag
        self._stalls = metrics.loop_stalls_total
        self._after = after
        self._every = min(every, after)
        self._clock = clock or SystemClock()
        self._ended = threading.Event()
        self._watched = 0
        self._stalled_since: float | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begins to watch the thread this is called in, which runs the loop."""
        self._watched = threading.get_ident()
        self._thread = Thread(target=self._watch, name="loop-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watches no more; harmless when not started."""
        self._ended.set()
        if self._thread is not None:
            # Not for ever: it may be writing to an output that nobody reads, and is a daemon.
            self._thread.join(_LAST_WAIT)

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            beat = self._lag.beat
            if self._stalled_since is not None and beat != self._stalled_since:
                self._tell_end(beat - self._stalled_since)
            elif self._stalled_since is None and self._clock.monotonic() - beat > self._after:
                self._tell_stall(beat)

    def _tell_stall(self, beat: float) -> None:
        stack = _places(sys._current_frames().get(self._watched))  # noqa: SLF001 -- documented, for debuggers like this
        if self._lag.beat != beat:
            return  # over already, so this stack is somebody else's
        self._stalled_since = beat
        self._stalls.inc()
        _log.warning("loop_stalled", seconds=round(self._clock.monotonic() - beat, 3), stack=stack)

    def _tell_end(self, seconds: float) -> None:
        self._stalled_since = None
        _log.warning("loop_runs_again", seconds=round(seconds, 3))


def _places(frame: FrameType | None) -> list[str]:
    if frame is None:  # the thread has ended, and `walk_stack` would take ours for it
        return []
    innermost = islice(walk_stack(frame), _DEEPEST)
    return [f"{each.f_code.co_filename}:{line} {each.f_code.co_qualname}" for each, line in innermost]

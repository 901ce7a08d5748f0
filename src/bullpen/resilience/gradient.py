"""How many calls a model may be given at once, found out from how it answers.

The limit follows Netflix' concurrency-limits (`Gradient2Limit`; "Performance Under Load", 2018) in what latency means,
and TCP in what a refusal means (AIMD and slow start, RFC 5681; the factor of CUBIC, RFC 9438). A language model answers
in a time that varies several times over with the length of the answer. So nothing here looks at one answer: it looks
at the median of a round trip, and lets it be twice what is usual.
"""

from collections import deque
from dataclasses import dataclass
from math import sqrt
from typing import Final

from bullpen.clock import Clock

__all__ = ["AdaptivePolicy", "Gradient"]

_SMOOTHING: Final = 0.1
_FEWEST: Final = 4
_MOST: Final = 64
_SHORTEST: Final = 0.2
_STEEPEST: Final = 0.5
_DECREASE: Final = 0.7
_COOL_OFF: Final = 1.0
_FOLLOW: Final = 0.2
_RELUCTANT: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptivePolicy:
    """What the operator allows.

    Attributes:
        floor: Calls at once that are always allowed.
        start: Calls at once before anything is known.
        ceiling: Calls at once that are never exceeded.
        tolerance: How many times its usual latency a model may take before that means anything.
    """

    floor: int = 4
    start: int = 256
    ceiling: int = 1024
    tolerance: float = 2.0


class Gradient:
    """The limit of one model.

    A window is a round trip: as many answers as the limit allows at once (4 at least, 64 are enough), and at least as
    long as the model usually takes. When it closes, and the limit was at least half used in it:

    - latency held: the limit grows by its square root, as queues do; below the size at which the provider was last
      overloaded it doubles instead (slow start).
    - latency grew beyond the tolerance: it is multiplied by tolerance x usual / measured, by 0.5 at least, before it
      grows.

    What is usual follows the measured median quickly downwards, and whenever the limit was not in use, for then the
    latency is none of our doing; else slowly upwards, so that a model that has become slower for good is not throttled
    for good.

    Overload multiplies the limit by 0.7, once in a round trip and in a second: all the calls of one round trip are
    refused for the same reason. What is far above use limits nothing, so a decrease begins at twice what is in flight
    at most. Other failures change nothing; they are the breaker's business.

    Attributes:
        limit: Calls at once, now.
        latency: Seconds an answer takes, smoothed; None before the first.
    """

    def __init__(self, policy: AdaptivePolicy, *, clock: Clock) -> None:
        self.limit = policy.start
        self.latency: float | None = None
        self._policy = policy
        self._clock = clock
        self._size = float(policy.start)
        self._threshold = self._size
        self._usual: float | None = None
        self._cool_until = 0.0
        self._window: deque[float] = deque(maxlen=_MOST)
        self._open()

    def succeeded(self, latency: float, *, in_flight: int) -> None:
        """An answer came after `latency` seconds; `in_flight` counts it."""
        self.latency = latency if self.latency is None else self.latency + _SMOOTHING * (latency - self.latency)
        self._window.append(latency)
        self._answers += 1
        self._busy += 2 * in_flight >= self.limit
        if self._answers >= self._enough and self._clock.monotonic() >= self._until:
            self._close()

    def overloaded(self, *, in_flight: int) -> None:
        """The provider said that this is too much; `in_flight` counts the call it said it to."""
        now = self._clock.monotonic()
        if now < self._cool_until:
            return
        self._cool_until = now + max(_COOL_OFF, self._usual or 0.0)
        self._threshold = max(self._policy.floor, _DECREASE * self._size)
        self._resize(_DECREASE * min(self._size, 2 * in_flight))
        self._open()

    def _open(self) -> None:
        self._window.clear()
        self._answers = 0
        self._busy = 0
        self._enough = min(max(self.limit, _FEWEST), _MOST)
        self._until = self._clock.monotonic() + max(_SHORTEST, self._usual or 0.0)

    def _close(self) -> None:
        measured = sorted(self._window)[len(self._window) // 2]
        usual = measured if self._usual is None else self._usual
        in_use = 2 * self._busy >= self._answers
        if in_use:
            self._adapt(self._policy.tolerance * usual / max(measured, 1e-6))
        self._usual = usual + (_RELUCTANT if in_use and measured > usual else _FOLLOW) * (measured - usual)
        self._open()

    def _adapt(self, gradient: float) -> None:
        """Below 1 a gradient says how much too slow the model was."""
        if gradient < 1:
            self._resize(self._size * max(_STEEPEST, gradient) + sqrt(self._size))
            self._threshold = min(self._threshold, self._size)
        elif self._size < self._threshold:
            self._resize(min(2 * self._size, self._threshold))
        else:
            self._resize(self._size + sqrt(self._size))

    def _resize(self, size: float) -> None:
        self._size = min(max(size, self._policy.floor), self._policy.ceiling)
        self.limit = int(self._size)

"""One point in time that bounds everything done for one request."""

from dataclasses import dataclass
from typing import Self

from bullpen.clock import Clock, SystemClock
from bullpen.errors import DeadlineExceeded

__all__ = ["Deadline"]


@dataclass(frozen=True, slots=True)
class Deadline:
    """The latest moment an answer is of use, on the monotonic clock.

    A deadline is made once, at the door, and only ever shortened on the way down, so that no wait, retry or
    failover inside can outlive the caller's patience.
    """

    at: float
    clock: Clock

    @classmethod
    def after(cls, seconds: float, *, clock: Clock | None = None) -> Self:
        """A deadline `seconds` from now."""
        clock = clock or SystemClock()
        return cls(clock.monotonic() + seconds, clock)

    def remaining(self) -> float:
        """Seconds left; 0 when it has passed, never less."""
        return max(0.0, self.at - self.clock.monotonic())

    def shortened(self, seconds: float) -> Self:
        """This deadline or one `seconds` from now, whichever comes first."""
        return type(self)(min(self.at, self.clock.monotonic() + seconds), self.clock)

    def check(self) -> None:
        """Raises `DeadlineExceeded` when no time is left."""
        if self.remaining() <= 0:
            raise DeadlineExceeded("No time was left for this run. Send a longer `timeout`, or a smaller task.")

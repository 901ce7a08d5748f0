"""The figures of a pool: how it has done so far."""

from typing import Final

__all__ = ["Tally"]

_ALPHA: Final = 0.1


class Tally:
    """Counts lanes granted and tasks done.

    Attributes:
        processed: Tasks that ended, well or not.
        average: Seconds a lane is held, as an exponential moving average with alpha 0.1 that starts at the first value.
    """

    def __init__(self) -> None:
        self.processed = 0
        self.average = 0.0
        self._granted = 0
        self._hits = 0

    @property
    def hit_rate(self) -> float:
        """The share of lanes granted without waiting and without building, in [0, 1]."""
        return self._hits / self._granted if self._granted else 0.0

    def grant(self, *, hit: bool) -> None:
        """A lane was granted."""
        self._granted += 1
        self._hits += hit

    def finish(self, seconds: float) -> None:
        """A lane came back after `seconds`."""
        self.processed += 1
        self.average = seconds if self.processed == 1 else _ALPHA * seconds + (1 - _ALPHA) * self.average

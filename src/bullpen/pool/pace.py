"""How fast lanes come back: measured, and forgotten as time passes."""

import math
from typing import Final

__all__ = ["Pace"]

_ENOUGH: Final = 5.0  # lanes that have come back, before their pace says anything


class Pace:
    """Lanes given back a second, over a window that slides: what is as old as the window weighs 1 / e of what is new.

    Only time that `counts` is in it. A pace that is measured while somebody waits is what the lanes can do; without
    that it is what was asked of them.
    """

    def __init__(self, now: float, *, counts: bool, window: float = 30.0) -> None:
        """Begins `now`, on the monotonic clock; `window` is in seconds."""
        self._window = window
        self._lanes = 0.0
        self._seconds = 0.0
        self._at = now
        self._counts = counts

    @property
    def counts(self) -> bool:
        """Whether the time that passes now is in it."""
        return self._counts

    def pass_to(self, now: float, *, counts: bool) -> None:
        """Time has passed; from now on it counts, or not."""
        fading = math.expm1(min(0.0, self._at - now) / self._window)
        self._lanes += self._lanes * fading
        self._seconds += self._seconds * fading - (self._window * fading if self._counts else 0.0)
        self._at = max(self._at, now)
        self._counts = counts

    def give_back(self, now: float) -> None:
        """A lane came back; it is in it if the time until now was."""
        counted = self._counts
        self.pass_to(now, counts=counted)
        self._lanes += counted

    def rate(self, now: float) -> float:
        """Lanes a second; 0 when none came back."""
        self.pass_to(now, counts=self._counts)
        return self._lanes / self._seconds if self._seconds else 0.0

    def known(self, now: float) -> float | None:
        """The rate, if enough lanes have come back lately to believe it, and as high as it may well be.

        After n lanes the true rate is with some likelihood 1 / sqrt(n) of it higher.
        """
        rate = self.rate(now)
        return rate * (1 + 1 / math.sqrt(self._lanes)) if self._lanes >= _ENOUGH else None

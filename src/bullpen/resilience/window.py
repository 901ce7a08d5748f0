"""How many calls went well and how many failed lately, in a few numbers, however many calls there are."""

from typing import Final

__all__ = ["SLICES", "Window"]

SLICES: Final = 30
"""Into how many parts a window is cut. The oldest part goes as a whole."""


class Window:
    """Counts over a sliding time, in constant memory and constant time.

    What is older than `seconds` never counts; what is younger than all but one slice of it always does.
    """

    __slots__ = ("_failures", "_slot", "_successes", "_width", "failures", "successes")

    def __init__(self, seconds: float, *, slices: int = SLICES) -> None:
        """An empty window of `seconds`."""
        self._width = seconds / slices
        self._successes = [0] * slices
        self._failures = [0] * slices
        self.clear()

    @property
    def calls(self) -> int:
        """All that are counted, as of the last `add` or `slide`; `failures` and `successes` are its parts."""
        return self.failures + self.successes

    def clear(self) -> None:
        """Forgets everything."""
        slices = len(self._failures)
        self._successes[:] = self._failures[:] = [0] * slices
        self.successes = self.failures = 0
        self._slot = 0

    def add(self, *, failed: bool, now: float) -> None:
        """Counts one call that ended `now`, in seconds of a clock that does not go back."""
        slot = self.slide(now)
        if failed:
            self._failures[slot] += 1
            self.failures += 1
        else:
            self._successes[slot] += 1
            self.successes += 1

    def slide(self, now: float) -> int:
        """Forgets what is too old; gives the index of the present slice."""
        slot, slices = int(now // self._width), len(self._failures)
        for passed in range(max(self._slot, slot - slices) + 1, slot + 1):
            at = passed % slices
            self.successes -= self._successes[at]
            self.failures -= self._failures[at]
            self._successes[at] = self._failures[at] = 0
        self._slot = max(self._slot, slot)
        return self._slot % slices

"""When a slow model stands back behind its fallback, and when it is tried again."""

from dataclasses import dataclass, replace
from typing import Final

from bullpen.operations.remedy import Move

__all__ = ["LONGEST_AWAY", "Demotion"]

_AWAY: Final = 5
LONGEST_AWAY: Final = 60
_TRIAL: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Demotion:
    """How one model stands.

    A model that stands back is hardly called, so its latency says nothing new: it is tried again after a bounded time.
    It then has a few rounds with calls in them, for a smoothed latency forgets slowly; one that is the same to the last
    digit means that nobody called. Each time it is slow again it stands back twice as long.

    Attributes:
        away: Rounds it will go on standing back; 0 when it does not.
        term: Rounds it stands back the next time.
        trial: Rounds with calls in them before it may be judged.
        seen: Its latency in the round before.
        good: Rounds with calls in which it was fast enough, since it last stood back.
    """

    away: int = 0
    term: int = _AWAY
    trial: int = 0
    seen: float | None = None
    good: int = 0

    def judge(self, latency: float | None, *, baseline: float) -> tuple[Move, "Demotion"]:
        """What is to be done in this round; `apply` puts the model back behind its fallback.

        Args:
            latency: Smoothed, seconds; None when it was never called.
            baseline: Seconds above which it is slow.
        """
        if self.away:
            return self._wait(latency)
        if latency is None or latency == self.seen:
            return "hold", self
        if self.trial and latency > baseline:
            return "hold", replace(self, trial=self.trial - 1, seen=latency)
        if latency > baseline:
            return "apply", Demotion(away=self.term, term=min(2 * self.term, LONGEST_AWAY), seen=latency)
        return "hold", self._fast(latency)

    def _wait(self, latency: float | None) -> tuple[Move, "Demotion"]:
        if self.away > 1:
            return "hold", replace(self, away=self.away - 1)
        return "undo", replace(self, away=0, trial=_TRIAL, seen=latency)

    def _fast(self, latency: float) -> "Demotion":
        good = self.good + 1
        return replace(self, trial=0, seen=latency, good=good, term=_AWAY if good >= LONGEST_AWAY else self.term)

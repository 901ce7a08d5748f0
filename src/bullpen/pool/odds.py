"""Whether a run would end in time: learnt from those that had as long."""

import math
from typing import Final

__all__ = ["Median", "Odds"]

_GAIN: Final = 1 / 4
_STEP: Final = 1.1
_MEMORY: Final = 60.0  # seconds; what is older says nothing about today's model
_TRIAL: Final = 8  # of so many that would be turned away one is not, to learn whether that is still right
_NEARLY: Final = 0.9  # of the time it had; who was interrupted before that was not late, but left
_SHORTEST: Final = 0.001
_LONGEST: Final = 3600.0
_ROOT_OF_HALF: Final = math.sqrt(0.5)


class Median:
    """Seconds within which half of the runs of a type end.

    One long run hardly moves it. It moves by a fixed part, as in Q. Ma, S. Muthukrishnan, M. Sandler, "Frugal Streaming
    for Estimating Quantiles" (2013).
    """

    def __init__(self) -> None:
        self._value = 0.0
        self._at = -math.inf

    def learn(self, now: float, held: float, *, cut: bool) -> None:
        """A run took so long; of one that was `cut` off it is only known that it would have taken longer."""
        value = self._value
        if held < value:
            if cut:
                return
            self._value = max(held, value / _STEP)
        else:
            self._value = min(held, value * _STEP) or held
        self._at = now

    def known(self, now: float) -> float:
        """The median; 0 when no run said anything lately."""
        return self._value if now - self._at <= _MEMORY else 0.0


class _Record:
    """What became of runs that had about the same time."""

    __slots__ = ("at", "risk", "trial_at", "turned_away")

    def __init__(self) -> None:
        self.risk = 0.5
        self.at = self.trial_at = -math.inf
        self.turned_away = 0


class Odds:
    """The odds of one tenant's runs of one type.

    They are remembered by the time they had, in steps of the square root of 2: a caller with small tasks and little
    time must not be judged by another's large ones. The median of all runs decides where nothing is remembered.
    """

    def __init__(self) -> None:
        self._records: dict[int, _Record] = {}

    def learn(self, now: float, *, held: float, had: float, cut: bool) -> None:
        """A run that had so many seconds held its lane for so many, and ended, or was `cut` off."""
        if cut and held < _NEARLY * had:
            return
        record = self._record(had)
        before = record.risk if now - record.at <= _MEMORY else 0.5
        record.risk = before + _GAIN * (cut - before)
        record.at = now

    def turn_away(self, now: float, *, has: float, median: float) -> bool:
        """Whether a run that has so many seconds gets no lane, for more likely than not it would be cut off.

        One in eight gets one all the same, if the one before would have ended: nobody is turned away for ever because
        of what was once true, and no lane is lost to more than one of them.
        """
        record = self._record(has)
        is_late = record.risk > 0.5 if now - record.at <= _MEMORY else has < median  # noqa: PLR2004 -- even odds
        if not is_late:
            return False
        record.turned_away += 1
        if record.turned_away < _TRIAL or now < record.trial_at:
            return True
        record.turned_away, record.trial_at = 0, now + has
        return False

    def _record(self, seconds: float) -> _Record:
        if not _SHORTEST < seconds < _LONGEST:
            seconds = min(max(seconds, _SHORTEST), _LONGEST)
        fraction, power = math.frexp(seconds)
        step = 2 * power + (fraction > _ROOT_OF_HALF)
        record = self._records.get(step)
        if record is None:
            record = self._records[step] = _Record()
        return record

"""What those who come may expect: how long they would wait, and when it is worth coming back."""

import math
from collections.abc import Iterable
from typing import Final

from bullpen.pool.odds import Median
from bullpen.pool.pace import Pace

__all__ = ["Forecast"]

_MEAN_GAIN: Final = 1 / 8
_SPREAD_GAIN: Final = 1 / 4
_SPREADS: Final = 4
_LEFT_FOR_THE_RUN: Final = 0.5  # of what is left of a deadline, at most


class Forecast:
    """Predicts waits from the pace at which lanes came back while somebody waited for them.

    Attributes:
        pace: Of all lanes, at all times.
    """

    def __init__(self, agent_types: Iterable[str], *, now: float) -> None:
        types = list(agent_types)
        self.pace = Pace(now, counts=True)
        self._wanted = Pace(now, counts=False)
        self._types = {agent_type: Pace(now, counts=False) for agent_type in types}
        self._durations = dict.fromkeys(types, 0.0)
        self._spreads = dict.fromkeys(types, 0.0)
        self._medians = {agent_type: Median() for agent_type in types}

    def want(self, agent_type: str, now: float, *, whole: bool, own: bool) -> None:
        """Heeds whether anybody waits now, and whether anybody waits for this type alone."""
        if whole or self._wanted.counts:
            self._wanted.pass_to(now, counts=whole)
        pace = self._types[agent_type]
        if own or pace.counts:
            pace.pass_to(now, counts=own)

    def ease(self, now: float) -> None:
        """Heeds that a lane is free, so that nobody waits for just any."""
        if self._wanted.counts:
            self._wanted.pass_to(now, counts=False)

    def give_back(self, agent_type: str, now: float, *, held: float, cut: bool = False) -> None:
        """A lane came back after so many seconds; a run that was `cut` off would have taken longer."""
        self.pace.give_back(now)
        if self._wanted.counts:
            self._wanted.give_back(now)
        pace = self._types[agent_type]
        if pace.counts:
            pace.give_back(now)
        if not cut or held > self._durations[agent_type]:
            self._learn(agent_type, held)
        self._medians[agent_type].learn(now, held, cut=cut)

    def median(self, agent_type: str, now: float) -> float:
        """Seconds within which half of the runs end; 0 where it is not known."""
        return self._medians[agent_type].known(now)

    def patience(self, agent_type: str, remaining: float) -> float:
        """Seconds a ticket may wait so that its run may still end in time; at least half of what remains.

        A run is taken to last its mean and four deviations, smoothed as RFC 6298 does with round trips.
        """
        long = self._durations[agent_type] + _SPREADS * self._spreads[agent_type]
        return remaining - min(long, remaining * _LEFT_FOR_THE_RUN)

    def wait(self, agent_type: str, now: float, *, ahead: float, ahead_of_type: float) -> float:
        """Seconds until so many have been served, at the least; 0 where the pace is not known.

        It errs to the short side: who comes first is never told to wait, and a pace that is known badly is taken for
        a high one.
        """
        whole = self._wanted.known(now)
        own = self._types[agent_type].known(now)
        return max(ahead / whole if whole else 0.0, ahead_of_type / own if own else 0.0)

    def retry_after(
        self, agent_type: str, now: float, *, ahead: float, ahead_of_type: float, lanes: int, lanes_of_type: int
    ) -> float:
        """Whole seconds, at least 1, until so many and one more should have been served.

        Where no pace is known, it is what the lanes would do with runs as long as they were on average.
        """
        duration = self._durations[agent_type]
        whole = (ahead + 1) / (self._wanted.known(now) or _at_best(lanes, duration))
        own = (ahead_of_type + 1) / (self._types[agent_type].known(now) or _at_best(lanes_of_type, duration))
        return float(max(1, math.ceil(max(whole, own))))

    def _learn(self, agent_type: str, held: float) -> None:
        off = held - self._durations[agent_type]
        if not self._durations[agent_type]:
            self._durations[agent_type], self._spreads[agent_type] = held, held / 2
            return
        self._durations[agent_type] += _MEAN_GAIN * off
        self._spreads[agent_type] += _SPREAD_GAIN * (abs(off) - self._spreads[agent_type])


def _at_best(lanes: int, duration: float) -> float:
    return lanes / duration if duration else math.inf

"""How the runs of this process went lately, over sliding windows, in bounded memory."""

import math
from dataclasses import dataclass, field
from typing import Final

from bullpen.clock import Clock, SystemClock

__all__ = ["Figures", "Traffic"]

# A sketch after Masson, Rim and Lee, "DDSketch" (VLDB 2019): buckets that grow by `_GAMMA` keep a quantile within
# `_ACCURACY` of the truth. From a millisecond to an hour there are 152 of them.
_ACCURACY: Final = 0.05
_GAMMA: Final = (1 + _ACCURACY) / (1 - _ACCURACY)
_LOG_GAMMA: Final = math.log(_GAMMA)
_SHORTEST: Final = 0.001
_LONGEST: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How runs went.

    Attributes:
        requests_per_minute: Runs that ended in the last minute.
        mean_response: Seconds a run took, over the last five minutes; 0 without any.
        p95_response: Seconds within which 95 of 100 of them ended, to 5 %.
        error_rate: The share of them that failed, in [0, 1].
        failed_last_hour: Runs that failed in the last hour.
    """

    requests_per_minute: int
    mean_response: float
    p95_response: float
    error_rate: float
    failed_last_hour: int


@dataclass(slots=True)
class _Cell:
    """What ended in one stretch of time."""

    runs: int = 0
    failed: int = 0
    seconds: float = 0.0
    sketch: dict[int, int] = field(default_factory=dict)


class _Ring:
    """The last so many stretches of time; an old one is dropped when its place is needed."""

    def __init__(self, *, cells: int, width: float) -> None:
        """`width` is how long a stretch is, seconds."""
        self._width = width
        self._cells = [_Cell() for _ in range(cells)]
        self._turns = [-1] * cells
        self._turn = -1
        self._cell = self._cells[0]

    def at(self, now: float) -> _Cell:
        """The stretch that is now."""
        turn = int(now / self._width)
        if turn != self._turn:
            self._open(turn)
        return self._cell

    def last(self, now: float) -> list[_Cell]:
        """Those that are not too old, the present one included."""
        oldest = int(now / self._width) - len(self._cells)
        return [cell for turn, cell in zip(self._turns, self._cells, strict=True) if turn > oldest]

    def _open(self, turn: int) -> None:
        place = turn % len(self._cells)
        self._turn = self._turns[place] = turn
        self._cell = self._cells[place] = _Cell()


class Traffic:
    """Observes every run once, when it ends. A second is the finest there is to see."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._monotonic = (clock or SystemClock()).monotonic
        self._minute = _Ring(cells=60, width=1.0)
        self._lately = _Ring(cells=30, width=10.0)
        self._hour = _Ring(cells=60, width=60.0)

    def observe(self, duration: float, *, ok: bool) -> None:
        """A run ended after `duration` seconds, waiting included. Never raises, never waits, costs about 1 µs."""
        now = self._monotonic()
        self._minute.at(now).runs += 1
        cell = self._lately.at(now)
        cell.runs += 1
        cell.seconds += duration
        bucket = math.ceil(math.log(min(max(duration, _SHORTEST), _LONGEST)) / _LOG_GAMMA)
        cell.sketch[bucket] = cell.sketch.get(bucket, 0) + 1
        if not ok:
            cell.failed += 1
            self._hour.at(now).failed += 1

    def figures(self) -> Figures:
        """How runs went until now."""
        now = self._monotonic()
        lately = self._lately.last(now)
        runs = sum(cell.runs for cell in lately)
        return Figures(
            requests_per_minute=sum(cell.runs for cell in self._minute.last(now)),
            mean_response=sum(cell.seconds for cell in lately) / max(1, runs),
            p95_response=_quantile(0.95, lately, runs=runs),
            error_rate=sum(cell.failed for cell in lately) / max(1, runs),
            failed_last_hour=sum(cell.failed for cell in self._hour.last(now)),
        )


def _quantile(share: float, cells: list[_Cell], *, runs: int) -> float:
    """Seconds within which `share` of the runs ended, by the nearest rank; 0 without any."""
    merged: dict[int, int] = {}
    for cell in cells:
        for bucket, count in cell.sketch.items():
            merged[bucket] = merged.get(bucket, 0) + count
    rank, seen = math.ceil(share * runs), 0
    for bucket in sorted(merged):
        seen += merged[bucket]
        if seen >= rank:
            return 2 * _GAMMA**bucket / (_GAMMA + 1)
    return 0.0

"""A pool under load, simulated event by event: no task, no clock but its own, and the same result each time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final

from bullpen.errors import PoolExhausted
from bullpen.pool.admission import Admission
from bullpen.pool.ticket import Outcome, Ticket
from tests.stubs.lanes import ticket

__all__ = ["MAX_WAIT", "RUN", "RushHour", "Stream"]

RUN: Final = 0.5
"""Seconds a run takes, on average."""

MAX_WAIT: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Requests of one tenant: so many a second, at random moments; `timeout` is from coming to the end of the run.

    A run takes `run` seconds on average, and one of `tail` of them takes a hundred times that.
    """

    tenant: str
    rate: float
    priority: int = 3
    timeout: float = 60.0
    run: float = RUN
    tail: float = 0.0


class _Visit:
    """One request: the owner of its ticket."""

    def __init__(self, hour: "RushHour", stream: Stream, *, came: float, run: float) -> None:
        self._hour = hour
        self.stream = stream
        self.came = came
        self.run = run

    def set_result(self, outcome: Outcome, /) -> None:
        if outcome == "lane":
            self._hour.begins(self)
        else:
            self._hour.refused[self.stream] += 1

    def cancelled(self) -> bool:
        return False


class RushHour:
    """What became of everybody.

    Attributes:
        waits: Seconds, of those who had a lane.
        refused: Requests that got none.
        good: Runs that ended in time.
        good_of: The same, by stream.
        late: Runs that did not.
        longest: The queue at its longest.
    """

    def __init__(self, door: Admission, streams: Sequence[Stream], *, seconds: float, seed: int = 0) -> None:
        """Lets them come for so long, and everybody inside finish."""
        self.waits: dict[Stream, list[float]] = {stream: [] for stream in streams}
        self.refused = dict.fromkeys(streams, 0)
        self.good_of = dict.fromkeys(streams, 0)
        self.good = self.late = self.longest = 0
        self._door = door
        self._now = 0.0
        self._numbers = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        for stream in streams:
            self._send(stream, seconds, Random(f"{seed} {stream}"))
        while self._events:
            self._now, _, event = heappop(self._events)
            event()
            self.longest = max(self.longest, len(door.queue))

    def p99(self, stream: Stream) -> float:
        """Of the waits; seconds."""
        waits = sorted(self.waits[stream])
        return waits[int(0.99 * len(waits))]

    def begins(self, visit: _Visit) -> None:
        """A visitor has a lane, and works until it is done or out of time."""
        self.waits[visit.stream].append(self._now - visit.came)
        in_time = self._now + visit.run <= visit.came + visit.stream.timeout
        self.good += in_time
        self.good_of[visit.stream] += in_time
        self.late += not in_time
        had = visit.came + visit.stream.timeout - self._now
        held = min(visit.run, had)
        self._plan(self._now + held, partial(self._ends, visit.stream, held, had, cut=not in_time))

    def _send(self, stream: Stream, seconds: float, random: Random) -> None:
        moment = random.expovariate(stream.rate)
        while moment < seconds:
            run = random.uniform(0.5, 1.5) * stream.run * (100 if random.random() < stream.tail else 1)
            visit = _Visit(self, stream, came=moment, run=run)
            self._plan(moment, partial(self._comes, visit))
            moment += random.expovariate(stream.rate)

    def _comes(self, visit: _Visit) -> None:
        stream, door = visit.stream, self._door
        tenant = door.tenants.find(stream.tenant)
        if door.lend("a", tenant):
            self.begins(visit)
            return
        until = self._now + stream.timeout
        made = ticket("a", tenant=tenant, priority=stream.priority, since=self._now, until=until, call=visit)
        try:
            door.join(made, max_wait=MAX_WAIT)
        except PoolExhausted:
            self.refused[stream] += 1
        else:
            self._plan(made.until, partial(self._expires, made))

    def _expires(self, made: Ticket) -> None:
        self._door.leave(made, "expired", now=self._now)

    def _ends(self, stream: Stream, held: float, had: float, *, cut: bool) -> None:
        self._door.give("a", self._door.tenants.find(stream.tenant), held=held, now=self._now, had=had, cut=cut)

    def _plan(self, moment: float, event: Callable[[], None]) -> None:
        heappush(self._events, (moment, next(self._numbers), event))

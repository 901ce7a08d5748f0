"""The limiter of one process."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import count, islice
from typing import Final

from bullpen.clock import Clock, SystemClock
from bullpen.limits.gcra import MICROSECONDS, Limit, admits, drained, poured
from bullpen.limits.ports import Bucket, Cap, Charge, Lease, Occupancy, Reason, Standing, Verdict

__all__ = ["LocalLimiter"]

_MAX_KEYS: Final = 100_000
_COUNTED: Final = 10_000  # buckets looked at to say how many are in use: a few milliseconds


class _Level:
    """What is kept of one bucket: I.371's X and LCT, since when it has not been empty, and a penalty's end."""

    __slots__ = ("backlog", "blocked", "limit", "replicas", "seen", "since")

    def __init__(self, limit: Limit, replicas: int, now: int) -> None:
        self.limit = limit.shared_by(replicas)
        self.replicas = replicas
        self.backlog = 0
        self.seen = self.since = self.blocked = now

    def drain(self, now: int) -> int:
        """Brings the bucket up to `now`."""
        self.backlog = drained(self.limit, backlog=self.backlog, elapsed=now - self.seen)
        self.seen = now
        if not self.backlog:
            self.since = now
        return self.backlog

    def is_used(self, now: int) -> bool:
        """Whether it can be told from a new one."""
        return self.drain(now) > 0 or self.blocked > now

    def refusal(self, charge: Charge, now: int) -> Reason | None:
        """Why not; None when there is room."""
        if self.blocked > now:
            return "blocked"
        if admits(self.limit, backlog=self.backlog, cost=charge.cost, held=charge.held):
            return None
        return "excess" if now - self.since >= self.limit.per else "burst"

    def penalise(self, bucket: Bucket, reason: Reason | None, now: int) -> None:
        """Starts a penalty, if this refusal has one."""
        if reason == "burst":
            self.blocked = now + bucket.burst_block
        elif reason == "excess":
            self.blocked = now + bucket.excess_block


class _Places:
    """Who is inside under one cap, and until when."""

    __slots__ = ("_soonest", "_until")

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._soonest = 0  # no place expires before

    def used(self, now: int) -> int:
        """How many have not expired."""
        if self._until and self._soonest <= now:
            self._until = {held: until for held, until in self._until.items() if until > now}
            self._soonest = min(self._until.values(), default=0)
        return len(self._until)

    def hold(self, lease: str, until: int) -> None:
        self._soonest = min(self._soonest, until) if self._until else until
        self._until[lease] = until

    def release(self, lease: str) -> None:
        self._until.pop(lease, None)


class LocalLimiter:
    """Implements `Limiter` in memory.

    Failure mode: none. A bucket that is empty is as good as none, so empty ones are dropped along the way. Only when
    more than `max_keys` are in use at once is one forgotten that was not, and so starts anew.
    """

    def __init__(
        self, *, replicas: Callable[[], int] = lambda: 1, max_keys: int = _MAX_KEYS, clock: Clock | None = None
    ) -> None:
        """Keeps this process's part of every limit, of so many `replicas`; the number may change."""
        self._replicas = replicas
        self._max_keys = max_keys
        self._clock = clock or SystemClock()
        self._levels: OrderedDict[str, _Level] = OrderedDict()
        self._places: OrderedDict[str, _Places] = OrderedDict()
        self._unswept = 0
        self._numbers = count()

    def __len__(self) -> int:
        """Buckets and caps in memory."""
        return len(self._levels) + len(self._places)

    async def admit(self, charges: Sequence[Charge], *, caps: Sequence[Cap] = (), lease: float = 300.0) -> Verdict:
        """See `Limiter.admit`."""
        now, replicas = self._now(), self._replicas()
        levels = [self._level(charge.bucket, replicas, now) for charge in charges]
        if replicas > 1:
            caps = [cap.shared_by(replicas) for cap in caps]
        reasons = [level.refusal(charge, now) for level, charge in zip(levels, charges, strict=True)]
        used = [self._used(cap, now) for cap in caps]
        full = [taken >= cap.most for taken, cap in zip(used, caps, strict=True)]
        admitted = not any(reasons) and not any(full)
        held = self._hold(caps, now, round(lease * MICROSECONDS)) if admitted and caps else None
        standings = []
        for level, charge, reason in zip(levels, charges, reasons, strict=True):
            if admitted:
                level.backlog = poured(level.limit, backlog=level.backlog, cost=charge.cost)
            elif reason:
                level.penalise(charge.bucket, reason, now)
            standings.append(Standing(charge, level.limit, level.backlog, reason, max(0, level.blocked - now)))
        self._tidy(now)
        return Verdict(admitted, tuple(standings), _occupancies(caps, used, full, admitted=admitted), held, now)

    async def settle(self, verdict: Verdict, *, tokens: int) -> None:
        """See `Limiter.settle`."""
        now, replicas = self._now(), self._replicas()
        for bucket, cost, _ in verdict.owed(tokens):
            level = self._level(bucket, replicas, now)
            level.backlog = poured(level.limit, backlog=level.backlog, cost=cost)
        self._tidy(now)

    async def release(self, lease: Lease) -> None:
        """See `Limiter.release`."""
        for slot in lease.slots:
            if places := self._places.get(slot):
                places.release(lease.id)

    async def active(self) -> int:
        """See `Limiter.active`."""
        now = self._now()
        looked_at = min(len(self._levels), _COUNTED)
        used = sum(level.is_used(now) for level in islice(self._levels.values(), looked_at))
        return round(used * len(self._levels) / looked_at) if looked_at else 0

    def _now(self) -> int:
        return round(self._clock.monotonic() * MICROSECONDS)

    def _level(self, bucket: Bucket, replicas: int, now: int) -> _Level:
        level = self._levels.get(bucket.slot)
        if level is None or level.replicas != replicas:
            level = self._levels[bucket.slot] = _Level(bucket.limit, replicas, now)
            self._unswept += 2
        level.drain(now)
        return level

    def _tidy(self, now: int) -> None:
        """Looks at two old buckets for each new one, so that empty ones go faster than others come."""
        for _ in range(min(self._unswept, len(self._levels))):
            slot, level = next(iter(self._levels.items()))
            if level.is_used(now):
                self._levels.move_to_end(slot)
            else:
                del self._levels[slot]
        self._unswept = 0
        while len(self._levels) > self._max_keys:
            self._levels.popitem(last=False)

    def _used(self, cap: Cap, now: int) -> int:
        places = self._places.get(cap.slot)
        return 0 if places is None else places.used(now)

    def _hold(self, caps: Sequence[Cap], now: int, lasting: int) -> Lease:
        lease = Lease(str(next(self._numbers)), tuple(cap.slot for cap in caps))
        for slot in lease.slots:
            places = self._places.get(slot)
            if places is None:
                self._drop_unused(now)
                places = self._places[slot] = _Places()
            places.hold(lease.id, now + lasting)
        return lease

    def _drop_unused(self, now: int) -> None:
        """Looks at the two slots that were looked at longest ago: nobody may ever ask for them again."""
        for _ in range(min(2, len(self._places))):
            slot, places = next(iter(self._places.items()))
            if places.used(now):
                self._places.move_to_end(slot)
            else:
                del self._places[slot]


def _occupancies(
    caps: Sequence[Cap], used: Sequence[int], full: Sequence[bool], *, admitted: bool
) -> tuple[Occupancy, ...]:
    return tuple(
        Occupancy(cap, taken + admitted, "concurrent" if is_full else None)
        for cap, taken, is_full in zip(caps, used, full, strict=True)
    )

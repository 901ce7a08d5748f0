"""The limiter of one process."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

from bullpen.clock import Clock, SystemClock
from bullpen.limits.gcra import MICROSECONDS, admits, drained, poured
from bullpen.limits.ports import Bucket, Cap, Charge, Lease, Occupancy, Reason, Standing, Verdict

__all__ = ["LocalLimiter"]

_MAX_KEYS: Final = 100_000


class _Level:
    """What is kept of one bucket: I.371's X and LCT, since when it has not been empty, and a penalty's end."""

    __slots__ = ("backlog", "blocked", "bucket", "limit", "replicas", "seen", "since")

    def __init__(self, bucket: Bucket, replicas: int, now: int) -> None:
        self.bucket = bucket.shared_by(replicas)
        self.limit = self.bucket.limit
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

    def refusal(self, charge: Charge, now: int) -> Reason | None:
        """Why not; None when there is room."""
        if self.blocked > now:
            return "blocked"
        if admits(self.limit, backlog=self.backlog, cost=charge.cost):
            return None
        return "excess" if now - self.since >= self.limit.per else "burst"

    def penalise(self, bucket: Bucket, reason: Reason | None, now: int) -> None:
        """Starts a penalty, if this refusal has one."""
        if reason == "burst":
            self.blocked = now + bucket.burst_block
        elif reason == "excess":
            self.blocked = now + bucket.excess_block


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
        self._leases: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._unswept = 0
        self._numbers = count()

    def __len__(self) -> int:
        """Buckets and caps in memory."""
        return len(self._levels) + len(self._leases)

    async def admit(self, charges: Sequence[Charge], *, caps: Sequence[Cap] = (), lease: float = 300.0) -> Verdict:
        """See `Limiter.admit`."""
        now, replicas = self._now(), self._replicas()
        levels = [self._level(charge.bucket, replicas, now) for charge in charges]
        if replicas > 1:
            charges = [Charge(level.bucket, charge.cost) for level, charge in zip(levels, charges, strict=True)]
            caps = [cap.shared_by(replicas) for cap in caps]
        reasons = [level.refusal(charge, now) for level, charge in zip(levels, charges, strict=True)]
        full = [self._used(cap, now) >= cap.most for cap in caps]
        admitted = not any(reasons) and not any(full)
        held = self._hold(caps, now, round(lease * MICROSECONDS)) if admitted and caps else None
        standings = []
        for level, charge, reason in zip(levels, charges, reasons, strict=True):
            if admitted:
                level.backlog = poured(level.limit, backlog=level.backlog, cost=charge.cost)
            elif reason:
                level.penalise(charge.bucket, reason, now)
            standings.append(Standing(charge, level.backlog, reason, max(0, level.blocked - now)))
        self._tidy(now)
        return Verdict(admitted, tuple(standings), self._occupancies(caps, full), held, now)

    async def correct(self, charges: Sequence[Charge]) -> None:
        """See `Limiter.correct`."""
        now, replicas = self._now(), self._replicas()
        for bucket, cost in charges:
            level = self._level(bucket, replicas, now)
            level.backlog = poured(level.limit, backlog=level.backlog, cost=cost)
        self._tidy(now)

    async def release(self, lease: Lease) -> None:
        """See `Limiter.release`."""
        for slot in lease.slots:
            places = self._leases.get(slot, {})
            places.pop(lease.id, None)
            if not places:
                self._leases.pop(slot, None)

    def _now(self) -> int:
        return round(self._clock.monotonic() * MICROSECONDS)

    def _level(self, bucket: Bucket, replicas: int, now: int) -> _Level:
        level = self._levels.get(bucket.slot)
        if level is None or level.replicas != replicas:
            level = self._levels[bucket.slot] = _Level(bucket, replicas, now)
            self._unswept += 2
        level.drain(now)
        return level

    def _tidy(self, now: int) -> None:
        """Looks at two old buckets for each new one, so that empty ones go faster than others come."""
        for _ in range(min(self._unswept, len(self._levels))):
            slot, level = next(iter(self._levels.items()))
            if level.drain(now) or level.blocked > now:
                self._levels.move_to_end(slot)
            else:
                del self._levels[slot]
        self._unswept = 0
        while len(self._levels) > self._max_keys:
            self._levels.popitem(last=False)

    def _used(self, cap: Cap, now: int) -> int:
        places = self._leases.get(cap.slot)
        if places is None:
            return 0
        if len(places) >= cap.most:
            for expired in [held for held, until in places.items() if until <= now]:
                del places[expired]
        return len(places)

    def _hold(self, caps: Sequence[Cap], now: int, lasting: int) -> Lease:
        lease = Lease(str(next(self._numbers)), tuple(cap.slot for cap in caps))
        for slot in lease.slots:
            self._drop_expired(now)
            self._leases.setdefault(slot, {})[lease.id] = now + lasting
        return lease

    def _drop_expired(self, now: int) -> None:
        """Looks at the slot that was looked at longest ago: nobody may ever ask for it again."""
        if self._leases:
            slot, places = next(iter(self._leases.items()))
            if any(until > now for until in places.values()):
                self._leases.move_to_end(slot)
            else:
                del self._leases[slot]

    def _occupancies(self, caps: Sequence[Cap], full: Sequence[bool]) -> tuple[Occupancy, ...]:
        return tuple(
            Occupancy(cap, len(self._leases.get(cap.slot, ())), "concurrent" if is_full else None)
            for cap, is_full in zip(caps, full, strict=True)
        )

"""The Generic Cell Rate Algorithm, in whole numbers and without rounding.

Source: ITU-T Recommendation I.371, which gives it twice and proves both the same: as virtual scheduling and as a
continuous-state leaky bucket. This is the bucket, because its numbers stay small enough for Lua's doubles, and a
clock that steps back costs nobody anything. The tests hold it to virtual scheduling.

A bucket holds work. Every unit admitted pours `cell` ticks in, and `grain` ticks drain each microsecond; `cell/grain`
is the interval between units as a reduced fraction, so that 7 a second is exactly 7 a second. A unit that would
overfill the bucket is denied and pours nothing. Whatever the schedule, a time `t` admits at most `burst + rate * t`.

A charge of more than the whole burst is admitted when the bucket is empty, and leaves it overfull: it is slow, not
impossible, and the sustained rate still holds.
"""

from dataclasses import dataclass, field
from math import gcd
from typing import Final

__all__ = ["MAX_TICKS", "MICROSECONDS", "Limit", "admits", "drained", "needed", "poured", "remaining", "reset", "wait"]

MICROSECONDS: Final = 1_000_000
"""In a second."""

MAX_TICKS: Final = 2**52
"""The most work a bucket is asked to hold; twice as much is still exact in a double."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A sustained rate and a burst capacity.

    Attributes:
        rate: Units in every `per`, 1 or more.
        per: Microseconds, 1 or more.
        burst: Units at once from an empty bucket, 1 or more.
        cell: Ticks one unit pours in.
        grain: Ticks that drain in a microsecond.
        capacity: Ticks a full bucket holds.
    """

    rate: int
    per: int
    burst: int
    cell: int = field(init=False, repr=False, compare=False)
    grain: int = field(init=False, repr=False, compare=False)
    capacity: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises `ValueError` for numbers that are no limit, or too large to be counted exactly."""
        if min(self.rate, self.per, self.burst) < 1:
            raise ValueError("rate, per and burst must be 1 or more")
        common = gcd(self.rate, self.per)
        for name, value in (("cell", self.per // common), ("grain", self.rate // common)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "capacity", self.burst * self.cell)
        if max(self.capacity, self.grain) > MAX_TICKS:
            raise ValueError("rate, per and burst are too large together to be counted exactly")

    def shared_by(self, replicas: int) -> "Limit":
        """One replica's part: exactly the rate divided, and a burst of at least 1."""
        if replicas <= 1:
            return self
        return Limit(self.rate, self.per * replicas, max(1, self.burst // replicas))


def drained(limit: Limit, *, backlog: int, elapsed: int) -> int:
    """What is left of `backlog` ticks after `elapsed` microseconds; a clock that went back drains nothing."""
    return max(0, backlog - max(0, elapsed) * limit.grain)


def needed(limit: Limit, *, cost: int, held: int = 0) -> int:
    """Ticks of room `cost` units ask for. What they are more than the burst is owed.

    Of one asker `held` units are in the bucket already, so that all of them together ask for no more than the burst.
    """
    return (min(cost + held, limit.burst) - min(held, limit.burst)) * limit.cell


def admits(limit: Limit, *, backlog: int, cost: int, held: int = 0) -> bool:
    """Whether a bucket with `backlog` ticks in it has room for `cost` units now, beside those `held`."""
    return backlog + needed(limit, cost=cost, held=held) <= limit.capacity


def poured(limit: Limit, *, backlog: int, cost: int) -> int:
    """The backlog once `cost` units are in, or out again when it is negative."""
    ticks = max(-MAX_TICKS, min(MAX_TICKS, cost * limit.cell))
    return min(2 * MAX_TICKS, max(0, backlog + ticks))


def remaining(limit: Limit, *, backlog: int) -> int:
    """Units that would be admitted now, one by one or together."""
    return max(0, limit.capacity - backlog) // limit.cell


def wait(limit: Limit, *, backlog: int, cost: int) -> int:
    """Microseconds until `cost` units are admitted, if nobody else comes; 0 when they are now."""
    over = backlog + needed(limit, cost=cost) - limit.capacity
    return max(0, -(-over // limit.grain))


def reset(limit: Limit, *, backlog: int) -> int:
    """Microseconds until the bucket is empty and the whole burst can be had."""
    return -(-backlog // limit.grain)

"""The script on Redis and its twin in the process, side by side on one clock that the test moves."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count
from typing import Final, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from bullpen.limits.gcra import MICROSECONDS
from bullpen.limits.local import LocalLimiter
from bullpen.limits.ports import EVENTS, Bucket, Cap, Charge, Limiter, Verdict
from bullpen.limits.redis import RedisLimiter
from bullpen.stores import open_redis
from tests.stubs.clock import StillClock
from tests.stubs.limits import bucket, still

_serial = count()

Asked: TypeAlias = tuple[list[tuple[int, int]], list[int], float]
"""Costs by level, the caps, and the length of the lease."""

Step: TypeAlias = Asked | tuple[int, int] | int | float
"""To admit; to settle a verdict by its number to so many tokens; to release one; to wait so many seconds."""

LEVELS: Final = 4
ADMIT: Final = st.tuples(
    st.lists(
        st.tuples(st.integers(0, LEVELS - 1), st.sampled_from([0, 1, 1, 2, 7, 40])),
        max_size=3,
        unique_by=lambda charge: charge[0],
    ),
    st.lists(st.integers(0, 1), max_size=2, unique=True),
    st.sampled_from([0.5, 3, 600]),
)
SETTLE: Final = st.tuples(st.integers(0, 50), st.sampled_from([0, 1, 30, 10**20]))
RELEASE: Final = st.integers(0, 50)
PAUSE: Final = st.one_of(st.floats(0, 0.01), st.floats(0, 5))


def levels(key: str) -> list[Bucket]:
    return [
        bucket(key, rate=7, burst=3),
        replace(
            bucket(key, name="tenant", rate=13, per=1.1, burst=8), burst_block=MICROSECONDS, excess_block=MICROSECONDS
        ),
        replace(bucket(key, name="global", rate=3, per=0.002, burst=5), excess_block=700),
        bucket(key, name="user-tokens", rate=11, burst=30, unit="tokens"),
    ]


def caps(key: str) -> list[Cap]:
    return [Cap("user-concurrent", key, 1), Cap("tenant-concurrent", key, 3)]


class Played:
    """One limiter, asked what every other one is asked."""

    def __init__(self, limiter: Limiter, key: str) -> None:
        self._limiter = limiter
        self._levels = levels(key)
        self._caps = caps(key)
        self.verdicts: list[Verdict] = []

    async def play(self, step: Asked | tuple[int, int] | int) -> None:
        if isinstance(step, int):
            await self._release(step)
        elif len(step) == 2:
            await self._settle(*step)
        else:
            await self._admit(*step)

    async def _admit(self, costs: list[tuple[int, int]], places: list[int], lease: float) -> None:
        charges = [Charge(self._levels[level], cost) for level, cost in costs]
        held = [self._caps[place] for place in places]
        self.verdicts.append(await self._limiter.admit(charges, caps=held, lease=lease))

    async def _settle(self, which: int, tokens: int) -> None:
        if 0 <= which < len(self.verdicts):
            await self._limiter.settle(self.verdicts[which], tokens=tokens)

    async def _release(self, which: int) -> None:
        lease = self.verdicts[which].lease if 0 <= which < len(self.verdicts) else None
        if lease:
            await self._limiter.release(lease)


def told(verdicts: Sequence[Verdict]) -> list[tuple[object, ...]]:
    """All of the last ones but the lease's name, which each makes up."""
    return [(*verdict[:3], verdict.lease is not None, verdict.at) for verdict in verdicts[-1:]]


async def compare(url: str, steps: Sequence[Step]) -> set[str | None]:
    """Plays the steps to both; gives the reasons for which they refused."""
    clock = StillClock()
    key = f"{time.time_ns()}-{next(_serial)}"
    own = Played(LocalLimiter(clock=clock), key)
    async with open_redis(url) as client:
        shared = Played(RedisLimiter(still(client, clock)), key)
        for step in steps:
            if isinstance(step, float):
                clock.pass_time(step)
                continue
            await shared.play(step)
            await own.play(step)
            assert told(own.verdicts) == told(shared.verdicts)
    return {denial.reason for verdict in own.verdicts for denial in verdict.denials}


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(st.one_of(ADMIT, ADMIT, ADMIT, SETTLE, RELEASE, PAUSE), min_size=1, max_size=40))
def test_redis_decides_as_the_process_does(valkey_url: str, steps: Sequence[Step]) -> None:
    """Whatever is asked, settled, given back and waited for, both come to the same verdicts, to the tick."""
    asyncio.run(compare(valkey_url, steps))


async def test_a_long_walk_meets_every_refusal(valkey_url: str) -> None:
    """The same over two thousand steps, with every reason there is to say no."""
    chance = random.Random(20260101)

    def step(number: int) -> Step:
        match chance.randrange(8):
            case 0:
                return chance.choice((0.0001, 0.01, 0.05, 2.0))
            case 1:
                return number - chance.randrange(1, 40)
            case 2:
                return number - chance.randrange(1, 40), chance.choice((0, 1, 30))
            case _:
                charged = chance.sample(range(LEVELS), chance.randrange(1, 3))
                costs = [(level, chance.choice((0, 1, 1, 2, 7, 40))) for level in charged]
                return costs, chance.sample((0, 1), chance.randrange(3)), chance.choice((0.01, 0.5, 60.0))

    reasons = await compare(valkey_url, [step(number // 2) for number in range(2000)])
    assert reasons == set(EVENTS)


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 5), st.integers(0, 5)), max_size=60))
def test_never_over_in_any_stretch_of_time(arrivals: list[tuple[float, int, int]]) -> None:
    """Between any two moments no level admits more than burst + rate * time, though two are charged together."""
    clock = StillClock()
    limiter = LocalLimiter(clock=clock)
    both = bucket(rate=5, burst=5), bucket(name="tenant", rate=2, burst=6)
    admitted: list[tuple[int, int, int]] = []
    for pause, *costs in arrivals:
        clock.pass_time(pause)
        charges = [Charge(level, cost) for level, cost in zip(both, costs, strict=True)]
        verdict = asyncio.run(limiter.admit(charges))
        if verdict.admitted:
            admitted.append((verdict.at, costs[0], costs[1]))
    for level, limit in enumerate((each.limit for each in both), start=1):
        for first, (begin, *_) in enumerate(admitted):
            total = 0
            for entry in admitted[first:]:
                total += entry[level]
                assert total <= limit.burst + Fraction(limit.rate * (entry[0] - begin), limit.per)


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5)), max_size=30), st.integers(1, 5))
def test_never_starved(arrivals: list[tuple[float, int]], cost: int) -> None:
    """Whatever happened before, who waits as long as it is told is admitted; and from then on at its rate, for ever."""
    clock = StillClock()
    limiter = LocalLimiter(clock=clock)
    level = replace(bucket(rate=3, burst=5), burst_block=2 * MICROSECONDS, excess_block=3 * MICROSECONDS)
    for pause, asked in arrivals:
        clock.pass_time(pause)
        asyncio.run(limiter.admit([Charge(level, asked)]))
    refused = asyncio.run(limiter.admit([Charge(level, cost)]))
    clock.pass_time(refused.retry_after + 1e-6)
    assert refused.admitted or asyncio.run(limiter.admit([Charge(level, cost)])).admitted
    for _ in range(20):
        clock.pass_time(1 / 3 + 1e-6)
        assert asyncio.run(limiter.admit([Charge(level, 1)])).admitted


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), max_size=30))
def test_all_or_none(asked: list[list[int]]) -> None:
    """On a clock that stands still the levels hold exactly what was admitted, however many others refused."""
    limiter = LocalLimiter(clock=StillClock())
    three = [bucket("ada", name=name, burst=burst) for name, burst in (("user", 9), ("tenant", 5), ("global", 12))]
    taken: defaultdict[str, int] = defaultdict(int)
    for costs in asked:
        charges = [Charge(level, cost) for level, cost in zip(three, costs, strict=True)]
        verdict = asyncio.run(limiter.admit(charges))
        assert verdict.admitted == all(
            taken[level.name] + cost <= level.limit.burst for level, cost in zip(three, costs, strict=True)
        )
        for standing, cost in zip(verdict.standings, costs, strict=True):
            taken[standing.name] += cost * verdict.admitted
            assert standing.remaining == standing.limit.burst - taken[standing.name]

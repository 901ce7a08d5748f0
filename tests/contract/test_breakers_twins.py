"""The script on Redis and its twin in the process, side by side on one clock that the test moves."""

import asyncio
import random
import time
from collections.abc import Sequence
from itertools import count
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from bullpen.errors import CircuitOpen
from bullpen.resilience import BreakerPolicy, Breakers, Outcome, Passage
from bullpen.resilience.local import LocalBreakers
from bullpen.stores import open_redis
from bullpen.telemetry import Metrics
from tests.stubs.breakers import replica, settled
from tests.stubs.clock import StillClock

Step: TypeAlias = tuple[int, Outcome] | int | None
"""To end a call by its number; to wait so many quarters of a second, which are exact; to begin a call."""

POLICY: Final = BreakerPolicy(failures=2, ratio=0.5, window=30, open_seconds=8, successes=2, lease=5)
OUTCOMES: Final[tuple[Outcome, ...]] = ("failure", "failure", "success", "neutral")
PAUSES: Final = (1, 4, 20, 32, 60)

_serial = count()


class Played:
    """One of the twins, asked what the other one is asked."""

    def __init__(self, breakers: Breakers, name: str) -> None:
        self._breakers = breakers
        self._name = name
        self._passages: list[Passage] = []

    async def play(self, step: tuple[int, Outcome] | None) -> float | None:
        """What a call was told to wait; None for one that was let through, and for an end."""
        retry_after = None
        try:
            if step is None:
                self._passages.append(await self._breakers.enter(self._name))
            elif step[0] < len(self._passages):
                self._passages.pop(step[0]).leave(step[1])
        except CircuitOpen as refused:
            retry_after = refused.retry_after
        await settled(self._breakers)
        return None if retry_after is None else round(retry_after, 2)

    def state(self) -> tuple[object, ...]:
        return tuple(
            (each["state"], each["successes"], each["failures"], each["calls"]) for each in self._breakers.standings()
        )


async def compare(url: str, steps: Sequence[Step]) -> set[object]:
    """Plays the steps to both; gives the states they were in."""
    clock, name = StillClock(), f"openai:twin-{time.time_ns()}-{next(_serial)}"
    own = Played(LocalBreakers(metrics=Metrics(), clock=clock, policy=POLICY), name)
    async with open_redis(urlsplit(url)._replace(path="/14").geturl()) as client:
        breakers = replica(client, clock, policy=POLICY)
        shared, met = Played(breakers, name), set[object]()
        await breakers.tell()
        for step in steps:
            if isinstance(step, int):
                clock.pass_time(step / 4)
                await breakers.tell()
                continue
            assert await shared.play(step) == await own.play(step)
            assert shared.state() == own.state()
            met |= {state[0] for state in own.state() if isinstance(state, tuple)}
    return met


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.one_of(st.none(), st.tuples(st.integers(0, 3), st.sampled_from(OUTCOMES)), st.sampled_from(PAUSES)),
        max_size=40,
    )
)
def test_redis_decides_as_the_process_does(valkey_url: str, steps: Sequence[Step]) -> None:
    """Whatever begins, ends and is waited for, both let the same calls through and are in the same state."""
    asyncio.run(compare(valkey_url, steps))


async def test_a_long_walk_meets_every_state(valkey_url: str) -> None:
    """The same over a thousand steps, through openings, probes and closings."""
    chance = random.Random(20260101)

    def step() -> Step:
        match chance.randrange(6):
            case 0:
                return chance.choice(PAUSES)
            case 1 | 2 | 3:
                return None
            case _:
                return chance.randrange(3), chance.choice(OUTCOMES)

    assert await compare(valkey_url, [step() for _ in range(1000)]) == {"closed", "half_open", "open"}

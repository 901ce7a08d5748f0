"""Calls through breakers, whichever they are, and a Redis that fails as told."""

import asyncio
from typing import Any, Final, Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bullpen.errors import CircuitOpen
from bullpen.resilience import BreakerPolicy, Breakers, Outcome, Passage
from bullpen.resilience.local import LocalBreakers
from bullpen.resilience.redis import SharedBreakers
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.limits import still

__all__ = [
    "PATIENT",
    "Absent",
    "calls",
    "is_refused",
    "opened",
    "probe",
    "refusal",
    "replica",
    "said",
    "settled",
    "times",
]

PATIENT: Final = 30.0
"""Seconds: a busy machine is no reason to decide alone."""


class _Teller(Protocol):
    async def tell(self) -> None: ...


class Absent:
    """A client of a Redis that answers, refuses connections, or does not even heed being cancelled, as told."""

    def __init__(self) -> None:
        self.mood = "failing"
        self.asked = 0
        self.answer: list[Any] = [0]
        self.over = asyncio.Event()

    def as_client(self) -> Redis:
        return cast("Redis", self)

    async def evalsha(self, *_: Any) -> list[Any]:
        self.asked += 1
        if self.mood == "failing":
            raise RedisConnectionError
        while self.mood == "silent" and not self.over.is_set():
            try:
                await self.over.wait()
            except asyncio.CancelledError:
                continue
        return self.answer


def replica(
    client: Redis, clock: StillClock, *, policy: BreakerPolicy | None = None, most: int = 1000
) -> SharedBreakers:
    """One of several on one Redis, which takes its time from the same clock; tells when told to."""
    return SharedBreakers(
        still(client, clock), metrics=Metrics(), clock=clock, policy=policy, patience=PATIENT, most=most
    )


async def settled(*breakers: Breakers) -> None:
    """What has ended is told, and each of them knows what all others have told."""
    for _ in range(2):
        for each in breakers:
            if not isinstance(each, LocalBreakers):
                await cast("_Teller", each).tell()


async def calls(breakers: Breakers, name: str, *outcomes: Outcome) -> None:
    """One call after the other, told of each time."""
    for outcome in outcomes:
        (await breakers.enter(name)).leave(outcome)
        await settled(breakers)


async def opened(breakers: Breakers, name: str) -> None:
    """Five failures, which are enough."""
    for passage in [await breakers.enter(name) for _ in range(5)]:
        passage.leave("failure")
    await settled(breakers)


async def probe(breakers: Breakers, name: str) -> Passage:
    """A call that is let through while others are not."""
    passage = await breakers.enter(name)
    assert await is_refused(breakers, name)
    return passage


async def refusal(breakers: Breakers, name: str) -> CircuitOpen | None:
    """What a call is told; one that is let through leaves no trace."""
    try:
        (await breakers.enter(name)).leave("neutral")
    except CircuitOpen as error:
        return error
    return None


async def is_refused(breakers: Breakers, name: str) -> bool:
    return await refusal(breakers, name) is not None


async def said(true: bool) -> bool:
    """For whoever waits by asking again and again."""
    return true


def times(number: int, outcome: Outcome) -> list[Outcome]:
    """The same outcome so many times."""
    return [outcome] * number

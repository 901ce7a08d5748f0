"""When the shared limiter is away."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bullpen.limits.local import LocalLimiter
from bullpen.limits.ports import Cap, Charge
from bullpen.limits.standby import StandbyLimiter
from bullpen.telemetry import Metrics
from tests.stubs.limits import ComesAndGoes, bucket, until

CHARGES = [Charge(bucket(burst=4, per=3600))]
TOKENS = [Charge(bucket(name="user-tokens", burst=100, per=3600, unit="tokens"), 40)]
CAPS = [Cap("user-concurrent", "ada", 2)]


@pytest.fixture
def shared() -> ComesAndGoes:
    return ComesAndGoes()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def limiter(shared: ComesAndGoes, metrics: Metrics) -> AsyncIterator[StandbyLimiter]:
    limiter = StandbyLimiter(
        shared, LocalLimiter(replicas=lambda: 2), metrics=metrics, patience=0.02, probe_every=0.005
    )
    yield limiter
    await limiter.aclose()


async def test_the_shared_limiter_decides_while_it_is_there(limiter: StandbyLimiter, shared: ComesAndGoes) -> None:
    """Nothing is decided alone, and the metric says so."""
    verdicts = [await limiter.admit(CHARGES) for _ in range(5)]
    assert [verdict.admitted for verdict in verdicts] == [True] * 4 + [False]
    assert not any(verdict.degraded for verdict in verdicts)


@pytest.mark.parametrize("mood", ["failing", "silent", "deaf"])
async def test_rate_limits_with_redis_away_are_degraded(
    limiter: StandbyLimiter, shared: ComesAndGoes, metrics: Metrics, mood: str
) -> None:
    """Each replica keeps its part, half of the burst with two of them, and no question holds anybody up."""
    shared.mood = mood
    async with asyncio.timeout(10):
        verdicts = [await limiter.admit(CHARGES) for _ in range(3)]
    shared.heard.set()
    assert [verdict.admitted for verdict in verdicts] == [True, True, False]
    assert all(verdict.degraded for verdict in verdicts)
    assert b"bullpen_limits_degraded 1.0" in metrics.render()


async def test_a_busy_process_does_not_take_its_own_slowness_for_redis(
    limiter: StandbyLimiter, shared: ComesAndGoes
) -> None:
    """While every turn of the loop takes as long as the patience, an answer that takes three of them is waited for."""
    shared.mood = "three turns away"

    async def be_busy() -> None:
        while True:
            time.sleep(0.02)  # noqa: ASYNC251 -- holding the loop up is the point
            await asyncio.sleep(0)

    busy = asyncio.create_task(be_busy())
    verdict = await limiter.admit(CHARGES)
    busy.cancel()
    assert not verdict.degraded


async def test_only_the_first_waits(limiter: StandbyLimiter, shared: ComesAndGoes) -> None:
    """Once it is known to be away, no request asks the shared limiter; the probe alone does."""
    shared.mood = "silent"
    await limiter.admit(CHARGES)
    asked = shared.asked
    for _ in range(50):
        await limiter.admit(CHARGES)
    assert shared.asked <= asked + 1


async def test_it_comes_back_by_itself(limiter: StandbyLimiter, shared: ComesAndGoes, metrics: Metrics) -> None:
    """A probe that succeeds ends the degraded mode."""
    shared.mood = "failing"
    await limiter.admit(CHARGES)
    shared.mood = "there"

    async def is_back() -> bool:
        return not limiter.degraded

    await until(is_back)
    assert not (await limiter.admit(CHARGES)).degraded
    assert b"bullpen_limits_degraded 0.0" in metrics.render()
    shared.mood = "failing"
    assert (await limiter.admit(CHARGES)).degraded


async def left(limiter: StandbyLimiter) -> int:
    return (await limiter.admit([Charge(TOKENS[0].bucket, 0)])).standings[0].remaining


async def test_tokens_go_back_to_whoever_reserved_them(limiter: StandbyLimiter, shared: ComesAndGoes) -> None:
    """This process gives back what it took itself, also when Redis is there again; and never what Redis took."""
    there = await limiter.admit(TOKENS)
    shared.mood = "failing"
    await limiter.settle(there, tokens=0)
    assert limiter.degraded
    assert await left(limiter) == 50
    alone = await limiter.admit(TOKENS)
    shared.mood = "there"

    async def is_back() -> bool:
        return not limiter.degraded

    await until(is_back)
    await limiter.settle(alone, tokens=5)
    assert await left(limiter) == 60
    shared.mood = "failing"
    assert [await left(limiter), await left(limiter)] == [45, 45]


async def test_what_was_used_beyond_is_owed_to_whoever_limits(limiter: StandbyLimiter, shared: ComesAndGoes) -> None:
    """Reserved from Redis, which then is gone: the rest is taken from this replica's part."""
    there = await limiter.admit(TOKENS)
    shared.mood = "failing"
    await limiter.settle(there, tokens=60)
    assert await left(limiter) == 30


async def test_buckets_are_counted_where_they_are(limiter: StandbyLimiter, shared: ComesAndGoes) -> None:
    """On Redis, or, with Redis away, here."""
    await limiter.admit([*CHARGES, *TOKENS])
    assert await limiter.active() == 2
    shared.mood = "failing"
    assert await limiter.active() == 0


async def test_a_place_is_given_back_where_it_was_taken(limiter: StandbyLimiter, shared: ComesAndGoes) -> None:
    """A lease of this process is, whatever became of Redis; one of Redis' is no error while that is away."""
    there = await limiter.admit([], caps=CAPS)
    shared.mood = "failing"
    alone = await limiter.admit([], caps=CAPS)
    assert alone.admitted
    assert not (await limiter.admit([], caps=CAPS)).admitted
    assert alone.lease is not None
    assert there.lease is not None
    await limiter.release(there.lease)
    await limiter.release(alone.lease)
    assert (await limiter.admit([], caps=CAPS)).admitted


async def test_a_caller_who_gives_up_degrades_nothing(limiter: StandbyLimiter, shared: ComesAndGoes) -> None:
    """Being cancelled is the caller's affair, not Redis'."""
    shared.mood = "silent"
    asking = asyncio.create_task(limiter.admit(CHARGES))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not limiter.degraded


async def test_closing_before_the_first_probe_ends(limiter: StandbyLimiter, shared: ComesAndGoes) -> None:
    """A probe that has not begun is no reason to wait for it."""
    shared.mood = "failing"
    await limiter.admit(CHARGES)
    async with asyncio.timeout(10):
        await limiter.aclose()


async def test_a_place_that_is_granted_too_late_is_given_back(limiter: StandbyLimiter, shared: ComesAndGoes) -> None:
    """One slow moment of Redis takes nobody's places for as long as a request may last."""
    shared.mood = "late"
    alone = [await limiter.admit([], caps=CAPS) for _ in range(2)]
    assert [verdict.degraded for verdict in alone] == [True, True]
    shared.mood = "there"
    shared.heard.set()

    async def back() -> bool:
        return not limiter.degraded

    await until(back)
    verdicts = [await limiter.admit([], caps=CAPS) for _ in range(2)]
    assert [(verdict.admitted, verdict.degraded) for verdict in verdicts] == [(True, False)] * 2

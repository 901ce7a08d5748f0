"""Shared breakers without a Redis; tests/contract has the rest."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bullpen.resilience import BreakerPolicy
from bullpen.resilience.redis import SharedBreakers
from bullpen.telemetry import Metrics
from tests.stubs.breakers import Absent, calls, is_refused, opened, refusal, said
from tests.stubs.clock import StillClock
from tests.stubs.limits import until

NAME = "openai:gpt-4o"


@pytest.fixture
def absent() -> Absent:
    return Absent()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def breakers(absent: Absent, clock: StillClock) -> SharedBreakers:
    return SharedBreakers(absent.as_client(), metrics=Metrics(), clock=clock, patience=0.01)


async def test_it_decides_alone_while_redis_is_away(breakers: SharedBreakers, clock: StillClock) -> None:
    """Opens, tries with one probe, and closes, all by itself."""
    await opened(breakers, NAME)
    assert await is_refused(breakers, NAME)
    clock.pass_time(60)
    passage = await breakers.enter(NAME)
    assert await is_refused(breakers, NAME)
    passage.leave("success")
    await calls(breakers, NAME, "success", "success")
    assert [(each["state"], each["shared"]) for each in breakers.standings()] == [("closed", False)]


async def test_it_says_once_that_it_decides_alone(breakers: SharedBreakers, absent: Absent) -> None:
    """And once that it does not any more, however often it asked."""
    with capture_logs() as logs:
        for _ in range(3):
            await breakers.tell()
        absent.mood = "there"
        for _ in range(3):
            await breakers.tell()
    assert [each["event"] for each in logs] == ["breakers_degraded", "breakers_shared_again"]
    assert not breakers.degraded


async def test_nobody_waits_for_a_redis_that_is_silent(breakers: SharedBreakers, absent: Absent) -> None:
    """Neither a call that goes well nor one that fails; the round that finds out does."""
    absent.mood = "there"
    await breakers.tell()
    absent.mood = "silent"
    for _ in range(4):
        (await breakers.enter(NAME)).leave("failure")
    assert breakers.standings()[0]["shared"]
    await breakers.tell(latest=0)
    assert not breakers.standings()[0]["shared"]
    (await breakers.enter(NAME)).leave("success")
    absent.over.set()


async def test_a_circuit_that_was_open_stays_open(breakers: SharedBreakers, absent: Absent, clock: StillClock) -> None:
    """Its time goes on where it stood when Redis went away."""
    absent.mood, absent.answer = "there", [0, NAME.encode(), 20_000, 0, b"", 0]
    await breakers.tell()
    absent.mood = "failing"
    await breakers.tell()
    clock.pass_time(10)
    refused = await refusal(breakers, NAME)
    assert refused is not None
    assert refused.retry_after == 30


async def test_another_replicas_probe_is_not_waited_for(breakers: SharedBreakers, absent: Absent) -> None:
    """With Redis away nobody would tell how it ended: this replica tries by itself, one call at a time."""
    absent.mood, absent.answer = "there", [0, NAME.encode(), 60_000, 0, b"theirs", 50_000]
    await breakers.tell()
    assert await is_refused(breakers, NAME)
    absent.mood = "failing"
    await breakers.tell()
    await breakers.enter(NAME)
    assert await is_refused(breakers, NAME)


async def test_ones_own_probe_goes_on_counting(breakers: SharedBreakers, absent: Absent) -> None:
    """It was granted by Redis, and comes back when Redis is away."""
    absent.mood, absent.answer = "there", [1, NAME.encode(), 60_000, 2, b"", 0]
    await breakers.tell()
    passage = await breakers.enter(NAME)
    absent.mood = "failing"
    await breakers.tell()
    assert await is_refused(breakers, NAME)
    passage.leave("success")
    assert not await is_refused(breakers, NAME)


async def test_closing_what_was_never_started(breakers: SharedBreakers, absent: Absent) -> None:
    """Asks nobody: there is nothing to tell."""
    await breakers.aclose()
    assert absent.asked == 0


async def test_a_failure_is_told_at_once_and_a_success_with_the_next_round(clock: StillClock) -> None:
    """The round is woken by a failure; otherwise it comes when it comes."""
    absent = Absent()
    absent.mood = "there"
    policy = BreakerPolicy(failures=100)
    breakers = SharedBreakers(absent.as_client(), metrics=Metrics(), clock=clock, policy=policy, every=3600)
    breakers.start()
    await until(lambda: said(not breakers.degraded))
    for _ in range(3):
        (await breakers.enter(NAME)).leave("success")
    for _ in range(20):
        await asyncio.sleep(0)
    assert absent.asked == 1
    (await breakers.enter(NAME)).leave("failure")
    await until(lambda: said(absent.asked == 2))
    await breakers.aclose()

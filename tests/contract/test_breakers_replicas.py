"""Breakers over several replicas on one Redis: what one learns, all know, and one probe is out over all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from bullpen.errors import CircuitOpen
from bullpen.resilience import BreakerPolicy
from bullpen.resilience.redis import SharedBreakers
from bullpen.stores import open_redis
from bullpen.telemetry import Metrics
from tests.stubs.breakers import PATIENT, calls, is_refused, opened, probe, replica, settled, times
from tests.stubs.clock import StillClock
from tests.stubs.limits import until

_serial = count()


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    """A database whose time stands still."""
    client = open_redis(urlsplit(valkey_url)._replace(path="/14").geturl())
    yield client
    await client.aclose()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def name() -> str:
    return f"anthropic:claude-{next(_serial)}"


@pytest.fixture
async def pair(redis: Redis, clock: StillClock) -> tuple[SharedBreakers, SharedBreakers]:
    first, second = replica(redis, clock), replica(redis, clock)
    await settled(first, second)
    return first, second


async def test_one_opens_it_for_both(
    pair: tuple[SharedBreakers, SharedBreakers], redis: Redis, clock: StillClock, name: str
) -> None:
    """Also for one that had never called the model, and for one that starts only now."""
    first, second = pair
    await opened(first, name)
    await settled(second)
    assert await is_refused(second, name)
    newcomer = replica(redis, clock)
    await newcomer.tell()
    assert await is_refused(newcomer, name)


async def test_the_failures_of_all_are_counted(pair: tuple[SharedBreakers, SharedBreakers], name: str) -> None:
    """Three here and two there are five."""
    first, second = pair
    await calls(first, name, *times(3, "failure"))
    await calls(second, name, "failure")
    await settled(*pair)
    assert not await is_refused(first, name)
    await calls(second, name, "failure")
    await settled(*pair)
    assert await is_refused(first, name)


async def test_one_with_a_broken_network_opens_it_for_nobody(
    pair: tuple[SharedBreakers, SharedBreakers], name: str
) -> None:
    """All its calls fail, but over all replicas fewer than half."""
    first, second = pair
    await calls(second, name, *times(31, "success"))
    await calls(first, name, *times(30, "failure"))
    await settled(*pair)
    assert not await is_refused(first, name)
    assert not await is_refused(second, name)
    await calls(first, name, "failure")
    await settled(*pair)
    assert await is_refused(second, name)


async def test_one_probe_over_both(
    pair: tuple[SharedBreakers, SharedBreakers], redis: Redis, clock: StillClock, name: str
) -> None:
    """However many ask at the same moment, and however little they know of one another."""
    replicas = [*pair, *(replica(redis, clock) for _ in range(3))]
    await opened(pair[0], name)
    await settled(*replicas)
    clock.pass_time(60)
    asked = await asyncio.gather(*(each.enter(name) for each in replicas for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(each, CircuitOpen) for each in asked) == 1
    assert sum(isinstance(each, CircuitOpen) for each in asked) == 24


async def test_one_closes_it_for_the_other(
    pair: tuple[SharedBreakers, SharedBreakers], clock: StillClock, name: str
) -> None:
    """Probes that went well count together, wherever they were made."""
    first, second = pair
    await opened(first, name)
    await settled(*pair)
    clock.pass_time(60)
    for each in (first, second, first):
        (await probe(each, name)).leave("success")
        await settled(*pair)
    assert [await is_refused(each, name) for each in pair for _ in range(3)] == [False] * 6


async def test_a_probe_that_fails_opens_it_for_both(
    pair: tuple[SharedBreakers, SharedBreakers], clock: StillClock, name: str
) -> None:
    """For the full time."""
    first, second = pair
    await opened(first, name)
    await settled(*pair)
    clock.pass_time(60)
    await calls(first, name, "success", "success")
    await calls(second, name, "failure")
    await settled(*pair)
    clock.pass_time(59)
    assert [await is_refused(each, name) for each in pair] == [True, True]


async def test_a_probe_that_was_given_up_while_it_asked_frees_its_place(
    pair: tuple[SharedBreakers, SharedBreakers], clock: StillClock, name: str
) -> None:
    """Whoever hangs up just then does not keep the model from being tried."""
    first, second = pair
    await opened(first, name)
    await settled(*pair)
    clock.pass_time(60)
    asking = asyncio.create_task(first.enter(name))
    await asyncio.sleep(0)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    await settled(*pair)
    await probe(second, name)


async def test_a_replica_that_stops_tells_the_rest(pair: tuple[SharedBreakers, SharedBreakers], name: str) -> None:
    """What ended after its last round is not lost with it."""
    first, second = pair
    for passage in [await first.enter(name) for _ in range(5)]:
        passage.leave("failure")
    await first.aclose()
    await settled(second)
    assert await is_refused(second, name)


async def test_a_redis_that_loses_its_memory_begins_anew(
    pair: tuple[SharedBreakers, SharedBreakers], redis: Redis, name: str
) -> None:
    """Nobody is left alone for ever because of what nobody remembers."""
    await opened(pair[0], name)
    await settled(*pair)
    await redis.flushdb()
    await settled(*pair)
    assert [await is_refused(each, name) for each in pair] == [False, False]


async def test_all_of_it_by_itself(valkey_url: str, name: str) -> None:
    """In the background and in real time: an opening and a closing are known everywhere within a second."""
    client = open_redis(urlsplit(valkey_url)._replace(path="/15").geturl())
    policy = BreakerPolicy(open_seconds=2)
    first, second = (SharedBreakers(client, metrics=Metrics(), policy=policy, patience=PATIENT) for _ in range(2))
    for each in (first, second):
        each.start()

    async def shared() -> bool:
        return not (first.degraded or second.degraded)

    async def closed(breakers: SharedBreakers) -> bool:
        return bool(breakers.standings()[0]["state"] == "closed")

    async def tried() -> bool:
        with suppress(CircuitOpen):
            (await first.enter(name)).leave("success")
        return await closed(first)

    await until(shared)
    for passage in [await first.enter(name) for _ in range(5)]:
        passage.leave("failure")
    await until(lambda: is_refused(second, name))
    await until(tried)
    await until(lambda: closed(second))
    for each in (first, second):
        await each.aclose()
    await client.aclose()


async def test_a_closed_circuit_costs_no_round_trip(redis: Redis, clock: StillClock, name: str) -> None:
    """A call that goes well asks Redis nothing; what it did is told with the next round."""
    breakers = replica(redis, clock)
    await breakers.tell()
    before = (await redis.info("commandstats"))["cmdstat_eval"]["calls"]
    for _ in range(1000):
        (await breakers.enter(name)).leave("success")
    await asyncio.sleep(0)
    assert (await redis.info("commandstats"))["cmdstat_eval"]["calls"] == before
    await breakers.tell()
    assert (await redis.info("commandstats"))["cmdstat_eval"]["calls"] == before + 1

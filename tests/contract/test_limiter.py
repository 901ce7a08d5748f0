"""What every limiter promises: the one in this process, and the one on Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Literal
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.crc import key_slot

from bullpen.errors import DependencyDown
from bullpen.limits.gcra import MICROSECONDS
from bullpen.limits.local import LocalLimiter
from bullpen.limits.ports import Bucket, Cap, Charge, Limiter, Verdict
from bullpen.limits.presence import Presence
from bullpen.limits.redis import PREFIX, RedisLimiter
from bullpen.limits.standby import StandbyLimiter
from bullpen.stores import open_cluster, open_redis
from bullpen.telemetry import Metrics
from tests.stubs.cluster import running_cluster
from tests.stubs.limits import bucket, until

KINDS = ("local", "redis", "standby", "cluster")
DATABASES = {kind: number for number, kind in enumerate(KINDS, start=9)}  # of one server, which workers may share

_serial = count()


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    client = open_redis(valkey_url)
    yield client
    await client.aclose()


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[str]]:
    with running_cluster() as urls:
        yield urls


@pytest.fixture
async def cluster_client(cluster: list[str]) -> AsyncIterator[RedisCluster]:
    client = open_cluster(cluster[0])
    yield client
    await client.aclose()


def made(kind: str, client: Redis, cluster_client: RedisCluster) -> Limiter:
    if kind == "local":
        return LocalLimiter()
    if kind == "redis":
        return RedisLimiter(client)
    if kind == "cluster":
        return RedisLimiter(cluster_client)
    return StandbyLimiter(RedisLimiter(client), LocalLimiter(max_keys=0), metrics=Metrics(), patience=5)


@pytest.fixture(params=KINDS)
async def limiter(request: pytest.FixtureRequest, client: Redis, cluster_client: RedisCluster) -> Limiter:
    return made(request.param, client, cluster_client)


@pytest.fixture(params=KINDS)
async def unused(
    request: pytest.FixtureRequest, valkey_url: str, cluster_client: RedisCluster
) -> AsyncIterator[Limiter]:
    """A limiter that nobody has asked yet: other tests' buckets drain while they are counted."""
    client = open_redis(urlsplit(valkey_url)._replace(path=f"/{DATABASES[request.param]}").geturl())
    await client.flushdb()
    await cluster_client.flushall()
    yield made(request.param, client, cluster_client)
    await client.aclose()


@pytest.fixture
def key() -> str:
    """Nobody else's: the server is shared by all tests."""
    return f"{time.time_ns()}-{next(_serial)}"


def slow(key: str, *, name: str = "user", burst: int = 3, unit: Literal["requests", "tokens"] = "requests") -> Bucket:
    """A bucket that drains too slowly for a test to see."""
    return bucket(key, name=name, rate=1, per=3600, burst=burst, unit=unit)


async def ask(limiter: Limiter, *buckets: Bucket, cost: int = 1, caps: Sequence[Cap] = ()) -> Verdict:
    return await limiter.admit([Charge(each, cost) for each in buckets], caps=caps)


async def test_the_burst_is_admitted_and_no_more(limiter: Limiter, key: str) -> None:
    """Three of three go through, and the fourth is told when to come back: an hour after the first."""
    verdicts = [await ask(limiter, slow(key)) for _ in range(4)]
    assert [verdict.admitted for verdict in verdicts] == [True, True, True, False]
    assert [verdict.standings[0].remaining for verdict in verdicts] == [2, 1, 0, 0]
    assert verdicts[3].standings[0].reason == "burst"
    assert 3500 < verdicts[3].retry_after <= 3600
    assert verdicts[2].retry_after == 0


async def test_a_rate_goes_on_after_the_burst(limiter: Limiter, key: str) -> None:
    """What a verdict says to wait for does come: asked until then, the limiter says yes."""
    quick = bucket(key, rate=1, per=0.05, burst=1)
    assert (await ask(limiter, quick)).admitted
    async with asyncio.timeout(10):
        while not (verdict := await ask(limiter, quick)).admitted:
            assert 0 < verdict.retry_after <= 0.05
            await asyncio.sleep(verdict.retry_after)


async def test_a_no_at_the_third_level_takes_nothing_from_the_first_two(limiter: Limiter, key: str) -> None:
    """All or none: the levels before and after the one that refused stand as they stood."""
    first, second = slow(key), slow(key, name="tenant")
    third, fourth = slow(key, name="route", burst=1), slow(key, name="global")
    await ask(limiter, third)
    verdict = await ask(limiter, first, second, third, fourth, caps=[Cap("user-concurrent", key, 5)])
    assert [level.name for level in verdict.denials] == ["route"]
    assert verdict.lease is None
    untouched = await ask(limiter, first, second, fourth, cost=0, caps=[Cap("user-concurrent", key, 5)])
    assert [standing.remaining for standing in untouched.standings] == [3, 3, 3]
    assert untouched.occupancies[0].used == 1


async def test_every_level_that_refuses_is_told(limiter: Limiter, key: str) -> None:
    """And the time to come back is that of the slowest."""
    first, second = slow(key, burst=1), bucket(key, name="tenant", rate=1, per=7200, burst=1)
    await ask(limiter, first, second)
    verdict = await ask(limiter, first, second)
    assert [level.name for level in verdict.denials] == ["user", "tenant"]
    assert 3600 < verdict.retry_after <= 7200


async def test_one_owner_is_not_another(limiter: Limiter, key: str) -> None:
    """Whoever has spent everything has spent nobody else's; and a changed limit starts anew."""
    assert not (await ask(limiter, slow(key, burst=1), cost=1)).denials
    assert not (await ask(limiter, slow(key, burst=1), cost=1)).admitted
    assert (await ask(limiter, slow(f"{key}x", burst=1))).admitted
    assert (await ask(limiter, slow(key, burst=2))).admitted


async def test_a_name_may_be_any_text(limiter: Limiter, key: str) -> None:
    """Also one that is no UTF-8: JSON, and so a token, can hold half a surrogate pair."""
    for nasty in ("\ud800", "", "\0", "\r\nDEL x", "{x}", "é" * 2000):
        odd = slow(key + nasty, burst=1)
        cap = Cap("user-concurrent", key + nasty, 1)
        verdict = await ask(limiter, odd, caps=[cap])
        assert verdict.admitted
        assert verdict.lease is not None
        await limiter.release(verdict.lease)
        assert [level.name for level in (await ask(limiter, odd, caps=[cap])).denials] == ["user"]


async def test_tokens_are_reserved_and_corrected(limiter: Limiter, key: str) -> None:
    """Too much comes back; too little is owed, and he who owes is refused even for nothing. Requests stay charged."""
    tokens, requests = slow(key, name="user-tokens", burst=100, unit="tokens"), slow(key, burst=100)
    await limiter.settle(await ask(limiter, tokens, requests, cost=60), tokens=10)
    asked = await ask(limiter, tokens, requests, cost=0)
    assert [standing.remaining for standing in asked.standings] == [90, 40]
    await limiter.settle(asked, tokens=0)
    await limiter.settle(asked, tokens=100)
    verdict = await ask(limiter, tokens, cost=0)
    assert not verdict.admitted
    assert verdict.standings[0].remaining == 0
    assert 9 * 3600 < verdict.retry_after <= 10 * 3600


async def test_more_than_the_burst_is_slow_and_not_impossible(limiter: Limiter, key: str) -> None:
    """It wants an empty bucket, and leaves it overfull."""
    large = slow(key, burst=10)
    assert (await ask(limiter, large, cost=25)).admitted
    assert not (await ask(limiter, large, cost=25)).admitted
    verdict = await ask(limiter, large, cost=1)
    assert 15 * 3600 < verdict.retry_after <= 16 * 3600


async def test_what_a_request_holds_already_does_not_stand_in_its_way(limiter: Limiter, key: str) -> None:
    """Charged for one and then for 24 more, it is let in as one for 25 would be; somebody else's one is in its way."""
    own, shared = slow(key, burst=10), slow(f"{key}x", burst=10)
    await ask(limiter, own, shared)
    assert not (await limiter.admit([Charge(shared, 24)])).admitted
    verdict = await limiter.admit([Charge(own, 24, held=1)])
    assert verdict.admitted
    assert 15 * 3600 < (await ask(limiter, own)).retry_after <= 16 * 3600


async def test_a_cap_counts_those_who_are_inside(limiter: Limiter, key: str) -> None:
    """A place given back can be had again, and giving it back twice frees no second one."""
    cap = Cap("user-concurrent", key, 2)
    first = await ask(limiter, caps=[cap])
    second = await ask(limiter, caps=[cap])
    full = await ask(limiter, slow(key), caps=[cap])
    assert [first.occupancies[0].used, second.occupancies[0].used, full.occupancies[0].used] == [1, 2, 2]
    assert full.occupancies[0].reason == "concurrent"
    assert full.retry_after >= 1
    assert (await ask(limiter, slow(key), cost=0)).standings[0].remaining == 3
    assert first.lease is not None
    for _ in range(2):
        await limiter.release(first.lease)
    assert (await ask(limiter, caps=[cap])).admitted
    assert not (await ask(limiter, caps=[cap])).admitted


async def test_a_lease_nobody_gives_back_expires(limiter: Limiter, key: str) -> None:
    """A caller that crashed holds its place no longer than its lease; one that asked for longer keeps it."""
    cap = Cap("user-concurrent", key, 2)
    await limiter.admit([], caps=[cap], lease=0.05)
    await limiter.admit([], caps=[cap], lease=600)

    async def let_in() -> bool:
        return (await limiter.admit([], caps=[cap], lease=600)).admitted

    await until(let_in)
    assert not (await ask(limiter, caps=[cap])).admitted


async def test_an_expired_place_is_not_told_as_taken(limiter: Limiter, key: str) -> None:
    """Also while there is room beside it."""
    cap = Cap("user-concurrent", key, 9)
    await limiter.admit([], caps=[cap], lease=0.05)

    async def is_alone() -> bool:
        verdict = await limiter.admit([], caps=[cap], lease=600)
        assert verdict.lease is not None
        await limiter.release(verdict.lease)
        return verdict.occupancies[0].used == 1

    await until(is_alone)


async def test_a_penalty_is_served(limiter: Limiter, key: str) -> None:
    """After a burst nothing is admitted for the penalty's time, though the bucket has room again; others go on."""
    strict = replace(bucket(key, rate=1000, burst=1), burst_block=30 * MICROSECONDS)
    other = bucket(key, name="tenant", rate=1000, burst=1000)
    assert (await ask(limiter, strict, other, cost=1)).admitted
    burst = await ask(limiter, strict, other, cost=1)
    while not burst.denials:
        burst = await ask(limiter, strict, other, cost=1)
    assert [denial.reason for denial in burst.denials] == ["burst"]
    blocked = await ask(limiter, strict, other)
    assert [denial.reason for denial in blocked.denials] == ["blocked"]
    assert blocked.standings[0].remaining == 0
    assert 20 < blocked.retry_after <= burst.retry_after <= 30
    assert (await ask(limiter, other)).admitted


async def test_a_bucket_never_empty_for_a_whole_period_is_an_excess(limiter: Limiter, key: str) -> None:
    """Who keeps it filled for longer than `per` is refused for the rate, not for the burst."""
    busy = bucket(key, rate=1, per=0.05, burst=5)
    await ask(limiter, busy, cost=5)
    reasons = []
    async with asyncio.timeout(10):
        while "excess" not in reasons:
            reasons += [denial.reason for denial in (await ask(limiter, busy)).denials]
            await asyncio.sleep(0.002)
    assert reasons[0] == "burst"


async def test_time_is_the_servers(client: Redis, key: str) -> None:
    """A verdict is dated by Redis, so that replicas whose clocks differ agree."""

    async def server_time() -> int:
        seconds, rest = await client.time()
        return seconds * MICROSECONDS + rest

    before = await server_time()
    verdict = await ask(RedisLimiter(client), slow(key))
    assert before <= verdict.at <= await server_time()


async def test_a_lost_script_is_sent_again(client: Redis, key: str) -> None:
    """A flush or a restart of the server is nobody's error, and no charge is lost or doubled."""
    limiter = RedisLimiter(client)
    await ask(limiter, slow(key))
    await client.script_flush()
    assert (await ask(limiter, slow(key))).standings[0].remaining == 1
    assert (await ask(limiter, slow(key))).standings[0].remaining == 0


async def test_all_keys_are_on_one_shard_and_go_by_themselves(client: Redis, key: str) -> None:
    """Whatever callers call themselves: one hash tag, and a time to live on every key."""
    nasty = f"{{{key}}}:{{x}}"
    cap = Cap("user-concurrent", nasty, 2)
    await ask(RedisLimiter(client), slow(nasty), slow(nasty, name="tenant"), caps=[cap])
    keys = [each async for each in client.scan_iter(f"{PREFIX}*") if key.encode() in each]
    assert len(keys) == 3
    assert {key_slot(each) for each in keys} == {key_slot(b"{rl}")}
    assert [each for each in keys if await client.pttl(each) <= 0] == []


async def test_a_cluster_is_named_as_one(cluster: list[str], key: str) -> None:
    """Spoken to as a single server, the nodes that do not own the limits say what the URL must be."""
    told = []
    for url in cluster:
        client = open_redis(url)
        try:
            await ask(RedisLimiter(client), slow(key), slow(key, name="tenant"))
        except DependencyDown as error:
            told.append(str(error))
        await client.aclose()
    assert len(told) == 2
    assert all("redis+cluster://" in each for each in told)


async def test_replicas_count_one_another_on_a_cluster(cluster: list[str]) -> None:
    """Whichever node each of them knows."""
    clients = [open_cluster(url) for url in cluster]
    presences = [Presence(client) for client in clients]
    for _ in range(2):
        for presence in presences:
            await presence.tell()
    assert [presence.replicas for presence in presences] == [3, 3, 3]
    for client in clients:
        await client.aclose()


async def test_buckets_in_use_are_counted(unused: Limiter, key: str) -> None:
    """Those that are not empty, once each; a place, a refusal and an empty bucket are none."""
    assert await unused.active() == 0
    quick = bucket(f"{key}-gone", rate=1_000_000)
    for _ in range(2):
        await ask(unused, slow(key), slow(key, name="tenant"), quick, caps=[Cap("user-concurrent", key, 5)])
    full = slow(f"{key}-full", burst=1)
    await ask(unused, full)
    await ask(unused, full, slow(f"{key}-other"))

    async def are_counted() -> bool:
        return await unused.active() == 3

    await until(are_counted)


async def test_counting_many_is_bounded(client: Redis, key: str) -> None:
    """Of ten thousand keys some are looked at, and the number is about right; other people's keys are none."""
    ours = {f"{PREFIX}user:1/1/1:{key}-{number}": b"" for number in range(5000)}
    others = {f"{key}-{number}": b"" for number in range(5000)}
    await client.mset(ours | others)
    assert 4000 < await RedisLimiter(client).active() < 6000
    await client.unlink(*ours, *others)


async def test_a_refusal_leaves_no_key(client: Redis, key: str) -> None:
    """Ten thousand strangers who are refused cost no memory: only what was taken is kept."""
    full = slow(f"{key}-full", burst=1)
    await ask(RedisLimiter(client), full)
    await ask(RedisLimiter(client), full, slow(key))
    assert [each async for each in client.scan_iter(f"{PREFIX}*:{key}")] == []


async def test_replicas_count_one_another(client: Redis) -> None:
    """Those who said so lately are there, one who closed is not, and `least` holds however few are seen."""
    first, second = Presence(client, every=60), Presence(client, every=60)
    second.start()

    async def sees_two() -> bool:
        await first.tell()
        return first.replicas == 2

    await until(sees_two)
    await second.aclose()
    await first.tell()
    assert first.replicas == 1
    few = Presence(client, least=7)
    await few.tell()
    assert few.replicas == 7

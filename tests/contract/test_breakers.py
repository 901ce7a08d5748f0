"""What all breakers promise: those of one process, and those of all replicas on Redis."""

import json
from collections.abc import AsyncIterator, Iterator
from itertools import count
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis, RedisCluster

from bullpen.errors import CircuitOpen
from bullpen.resilience import Breakers
from bullpen.resilience.local import LocalBreakers
from bullpen.stores import open_cluster, open_redis
from bullpen.telemetry import Metrics
from tests.stubs.breakers import calls, is_refused, opened, probe, refusal, replica, settled, times
from tests.stubs.clock import StillClock
from tests.stubs.cluster import running_cluster

KINDS = ("local", "redis", "cluster")

_serial = count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with running_cluster() as urls:
        yield urls[0]


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    """A database of its own: elsewhere in the tests time goes by itself."""
    client = open_redis(urlsplit(valkey_url)._replace(path="/14").geturl())
    yield client
    await client.aclose()


@pytest.fixture
async def redis_cluster(cluster: str) -> AsyncIterator[RedisCluster]:
    client = open_cluster(cluster)
    yield client
    await client.aclose()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def name() -> str:
    """Nobody else's: the server is shared by all tests."""
    return f"openai:gpt-{next(_serial)}"


@pytest.fixture(params=KINDS)
async def breakers(
    request: pytest.FixtureRequest, redis: Redis, redis_cluster: Redis, clock: StillClock
) -> AsyncIterator[Breakers]:
    if request.param == "local":
        yield LocalBreakers(metrics=Metrics(), clock=clock)
        return
    shared = replica(redis if request.param == "redis" else redis_cluster, clock)
    await shared.tell()
    yield shared
    assert not shared.degraded, "what was tested was not Redis"


async def test_a_model_that_works_is_called(breakers: Breakers, name: str) -> None:
    """Whatever number of calls go well, all are let through, at once as one after the other."""
    passages = [await breakers.enter(name) for _ in range(100)]
    for passage in passages:
        passage.leave("success")
    await settled(breakers)
    assert not await is_refused(breakers, name)


async def test_the_fifth_failure_opens_it(breakers: Breakers, name: str) -> None:
    """Four do not; then it says how long it is left alone, which is a minute and gets less."""
    await calls(breakers, name, *times(4, "failure"))
    await calls(breakers, name, "failure")
    with pytest.raises(CircuitOpen) as refused:
        await breakers.enter(name)
    assert refused.value.retry_after == pytest.approx(60, abs=0.01)
    assert name in refused.value.detail


async def test_the_refusal_says_what_is_left_of_the_time(breakers: Breakers, name: str, clock: StillClock) -> None:
    """After 45 of 60 seconds it is 15."""
    await opened(breakers, name)
    clock.pass_time(45)
    refused = await refusal(breakers, name)
    assert refused is not None
    assert refused.retry_after == pytest.approx(15, abs=0.01)


async def test_less_than_half_failing_does_not_open_it(breakers: Breakers, name: str) -> None:
    """Five of eleven is less than half; six of twelve is not."""
    await calls(breakers, name, *times(6, "success"), *times(5, "failure"))
    assert not await is_refused(breakers, name)
    await calls(breakers, name, "failure")
    assert await is_refused(breakers, name)


async def test_what_is_older_than_the_window_is_forgotten(breakers: Breakers, name: str, clock: StillClock) -> None:
    """Neither failures nor successes of half a minute ago count."""
    await calls(breakers, name, *times(20, "success"), *times(4, "failure"))
    clock.pass_time(30)
    await calls(breakers, name, *times(4, "failure"))
    assert not await is_refused(breakers, name)
    await calls(breakers, name, "failure")
    assert await is_refused(breakers, name)


async def test_what_is_younger_than_the_window_counts(breakers: Breakers, name: str, clock: StillClock) -> None:
    """Four failures of 28 seconds ago and one now are five."""
    await calls(breakers, name, *times(4, "failure"))
    clock.pass_time(28)
    await calls(breakers, name, "failure")
    assert await is_refused(breakers, name)


async def test_neutral_outcomes_never_count(breakers: Breakers, name: str) -> None:
    """Neither as failures, nor beside them as calls that went well."""
    await calls(breakers, name, *times(20, "neutral"), *times(4, "failure"), *times(20, "neutral"))
    assert not await is_refused(breakers, name)
    await calls(breakers, name, "failure")
    assert await is_refused(breakers, name)


async def test_one_probe_at_a_time(breakers: Breakers, name: str, clock: StillClock) -> None:
    """After its time one call is let through; all others come back in a second."""
    await opened(breakers, name)
    clock.pass_time(60)
    await breakers.enter(name)
    for _ in range(10):
        refused = await refusal(breakers, name)
        assert refused is not None
        assert refused.retry_after == pytest.approx(1, abs=0.01)


async def test_the_third_good_probe_closes_it(breakers: Breakers, name: str, clock: StillClock) -> None:
    """After two only one may still try; after three everybody is let through."""
    await opened(breakers, name)
    clock.pass_time(60)
    for _ in range(3):
        (await probe(breakers, name)).leave("success")
        await settled(breakers)
    for _ in range(10):
        await breakers.enter(name)


async def test_a_closed_one_begins_anew(breakers: Breakers, name: str, clock: StillClock) -> None:
    """What opened it is forgotten: it takes five failures again, and successes before do not count either."""
    await opened(breakers, name)
    clock.pass_time(60)
    await calls(breakers, name, *times(3, "success"), *times(4, "failure"))
    assert not await is_refused(breakers, name)
    await calls(breakers, name, "failure")
    assert await is_refused(breakers, name)


async def test_a_failed_probe_opens_it_for_the_full_time(breakers: Breakers, name: str, clock: StillClock) -> None:
    """And probes that went well before it do not count any more."""
    await opened(breakers, name)
    clock.pass_time(60)
    await calls(breakers, name, "success", "success", "failure")
    clock.pass_time(59)
    assert await is_refused(breakers, name)
    clock.pass_time(1)
    await calls(breakers, name, "success", "success")
    (await probe(breakers, name)).leave("success")
    await settled(breakers)
    assert not await is_refused(breakers, name)


async def test_a_neutral_probe_frees_its_place(breakers: Breakers, name: str, clock: StillClock) -> None:
    """However many there are, they bring it no nearer to closed."""
    await opened(breakers, name)
    clock.pass_time(60)
    await calls(breakers, name, "success", *times(5, "neutral"), "success")
    (await probe(breakers, name)).leave("neutral")


async def test_a_probe_that_never_comes_back_loses_its_place(breakers: Breakers, name: str, clock: StillClock) -> None:
    """After the lease another may try; and whatever the lost one says then is not heard."""
    await opened(breakers, name)
    clock.pass_time(60)
    lost = await probe(breakers, name)
    clock.pass_time(59)
    assert await is_refused(breakers, name)
    clock.pass_time(1)
    await settled(breakers)
    second = await probe(breakers, name)
    lost.leave("failure")
    await settled(breakers)
    assert await is_refused(breakers, name)
    second.leave("success")
    await settled(breakers)
    await calls(breakers, name, "success", "success")
    assert not await is_refused(breakers, name)


async def test_calls_from_before_change_nothing(breakers: Breakers, name: str, clock: StillClock) -> None:
    """Those under way when it opened neither close it nor keep it open, nor count when it has closed again."""
    late = [await breakers.enter(name) for _ in range(30)]
    await opened(breakers, name)
    for passage in late[:10]:
        passage.leave("success")
    await settled(breakers)
    clock.pass_time(60)
    first = await probe(breakers, name)
    for passage in late[10:20]:
        passage.leave("failure")
    await settled(breakers)
    first.leave("success")
    await settled(breakers)
    await calls(breakers, name, "success", "success")
    for passage in late[20:]:
        passage.leave("failure")
    await settled(breakers)
    assert not await is_refused(breakers, name)


async def test_only_the_first_word_counts(breakers: Breakers, name: str) -> None:
    """A passage that is left five times is one call."""
    passage = await breakers.enter(name)
    for _ in range(5):
        passage.leave("failure")
    await settled(breakers)
    assert not await is_refused(breakers, name)


async def test_models_do_not_know_one_another(breakers: Breakers, name: str) -> None:
    """One that is left alone does not keep anybody from another, whose name begins alike."""
    await opened(breakers, name)
    assert await is_refused(breakers, name)
    assert not await is_refused(breakers, f"{name}-mini")


async def test_the_standings(breakers: Breakers, name: str, clock: StillClock) -> None:
    """Every model that was called, as JSON, with what an operator asks first."""
    await calls(breakers, name, "success")
    other = f"{name}:with:colons"
    await opened(breakers, other)
    clock.pass_time(20)
    found = json.loads(json.dumps([each for each in breakers.standings() if each["model"].startswith(name[7:])]))
    shared = not isinstance(breakers, LocalBreakers)
    assert found == [
        {
            "provider": "openai",
            "model": name[7:],
            "state": "closed",
            "failures": 0,
            "calls": 1,
            "opened_for": None,
            "retry_after": None,
            "successes": 0,
            "shared": shared,
        },
        {
            "provider": "openai",
            "model": f"{name[7:]}:with:colons",
            "state": "open",
            "failures": 5,
            "calls": 5,
            "opened_for": 20.0,
            "retry_after": 40.0,
            "successes": 0,
            "shared": shared,
        },
    ]
    clock.pass_time(40)
    await calls(breakers, other, "success")
    [standing] = [each for each in breakers.standings() if each["model"] == other[7:]]
    assert (standing["state"], standing["successes"], standing["retry_after"]) == ("half_open", 1, 0)


async def test_a_refusal_can_be_foreseen(breakers: Breakers, name: str, clock: StillClock) -> None:
    """It is what `enter` raises, and takes no probe's place; where a call would pass there is none."""
    assert breakers.refusal(name) is None
    await opened(breakers, name)
    foreseen, told = breakers.refusal(name), await refusal(breakers, name)
    assert foreseen is not None
    assert told is not None
    assert foreseen.retry_after == told.retry_after
    clock.pass_time(61)
    assert breakers.refusal(name) is None

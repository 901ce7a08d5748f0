"""The limiter of one process: what only it promises."""

from bullpen.limits.local import LocalLimiter
from bullpen.limits.ports import Cap, Charge
from tests.stubs.clock import StillClock
from tests.stubs.limits import bucket


async def test_empty_buckets_are_forgotten() -> None:
    """Ten thousand callers who came once and went leave next to nothing behind."""
    clock = StillClock()
    limiter = LocalLimiter(clock=clock)
    for number in range(10_000):
        await limiter.admit([Charge(bucket(str(number), rate=10))])
        clock.pass_time(0.01)
    assert len(limiter) < 50


async def test_what_is_in_use_is_kept_while_others_come_and_go() -> None:
    """A bucket that is not empty is not dropped on the way."""
    clock = StillClock()
    limiter = LocalLimiter(clock=clock)
    spent = bucket("spent", rate=1, per=3600, burst=1)
    assert (await limiter.admit([Charge(spent)])).admitted
    for number in range(1000):
        await limiter.admit([Charge(bucket(str(number))), Charge(bucket(str(number), name="tenant"))])
        clock.pass_time(0.5)
    assert not (await limiter.admit([Charge(spent)])).admitted


async def test_memory_has_a_bound() -> None:
    """However many are in use at once, no more than `max_keys` are kept."""
    limiter = LocalLimiter(max_keys=100, clock=StillClock())
    for number in range(1000):
        assert (await limiter.admit([Charge(bucket(str(number)))])).admitted
    assert len(limiter) == 100


async def test_leases_that_were_never_given_back_are_forgotten() -> None:
    """Also those of callers who never come again."""
    clock = StillClock()
    limiter = LocalLimiter(clock=clock)
    for number in range(1000):
        await limiter.admit([], caps=[Cap("user-concurrent", str(number), 1)], lease=1)
        clock.pass_time(0.1)
    assert len(limiter) < 50


async def test_a_replica_keeps_its_part() -> None:
    """One of four admits a quarter of the burst, of the rate and of the places, and never nothing at all."""
    clock, replicas = StillClock(), 4
    limiter = LocalLimiter(replicas=lambda: replicas, clock=clock)
    charges, caps = [Charge(bucket(rate=4, burst=8))], [Cap("user-concurrent", "ada", 2)]
    assert [(await limiter.admit(charges)).admitted for _ in range(3)] == [True, True, False]
    clock.pass_time(1)
    assert [(await limiter.admit(charges)).admitted for _ in range(2)] == [True, False]
    assert [(await limiter.admit([], caps=caps)).admitted for _ in range(2)] == [True, False]


async def test_the_part_follows_the_number_of_replicas() -> None:
    """When more come, the part gets smaller."""
    replicas = [1]
    limiter = LocalLimiter(replicas=lambda: replicas[0], clock=StillClock())
    assert (await limiter.admit([Charge(bucket(burst=8), 0)])).standings[0].remaining == 8
    replicas[0] = 4
    assert (await limiter.admit([Charge(bucket(burst=8), 0)])).standings[0].remaining == 2


async def test_what_a_replica_reserved_is_settled_in_its_own_part() -> None:
    """Of 400 tokens its part is 100; what was not used can be had again, by whoever asks next."""
    limiter = LocalLimiter(replicas=lambda: 4, clock=StillClock())
    tokens = bucket(name="user-tokens", rate=400, per=60, burst=400, unit="tokens")
    verdict = await limiter.admit([Charge(tokens, 100)])
    assert verdict.standings[0].remaining == 0
    await limiter.settle(verdict, tokens=30)
    assert (await limiter.admit([Charge(tokens, 0)])).standings[0].remaining == 70


async def test_buckets_in_use_are_counted() -> None:
    """Empty ones are not, though they may be in memory still; of very many some are looked at."""
    clock = StillClock()
    limiter = LocalLimiter(clock=clock)
    assert await limiter.active() == 0
    for number in range(20_000):
        await limiter.admit([Charge(bucket(str(number), rate=1, per=9 + number % 2, burst=1))])
    assert await limiter.active() == 20_000
    clock.pass_time(9.5)
    assert 9_000 <= await limiter.active() <= 11_000
    clock.pass_time(1)
    assert await limiter.active() == 0

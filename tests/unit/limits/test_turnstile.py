"""The way in."""

import pytest

from bullpen.errors import RateLimited
from bullpen.limits import Policy, Rules, Subject, Turnstile
from bullpen.limits.local import LocalLimiter
from bullpen.limits.rules import Penalty, Rule
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock

ADA = Subject("ada", "acme", roles=frozenset({"user"}))


def turnstile(**levels: Rule) -> Turnstile:
    policy = Policy(Rules(levels=levels))  # type: ignore[arg-type] # the names of levels, as keywords
    return Turnstile(policy=policy, limiter=LocalLimiter(clock=StillClock()), metrics=Metrics())


async def test_a_refusal_has_the_time_the_headers_and_the_level() -> None:
    """One error with everything the door needs, and one count for each level that refused."""
    metrics = Metrics()
    rules = Rules(levels={"user": Rule(rate=1, per=7), "tenant": Rule(rate=100)})
    gate = Turnstile(policy=Policy(rules), limiter=LocalLimiter(clock=StillClock()), metrics=metrics)
    assert (await gate.enter(ADA)).admitted
    with pytest.raises(RateLimited, match=r"`user`. Try again in 7 s") as caught:
        await gate.enter(ADA)
    assert caught.value.retry_after == 7
    assert caught.value.headers["Retry-After"] == "7"
    assert '"user";r=0;t=7' in caught.value.headers["RateLimit"]
    assert b'bullpen_rate_limited_total{level="user"} 1.0' in metrics.render()
    assert b'level="tenant"' not in metrics.render()
    assert (caught.value.event, caught.value.level) == ("burst_limit_triggered", "user")


async def test_a_batch_counts_for_all_its_items() -> None:
    """Ten at once are ten."""
    gate = turnstile(user=Rule(rate=100, burst=10))
    assert (await gate.enter(ADA, requests=10)).standings[0].remaining == 0
    with pytest.raises(RateLimited):
        await gate.enter(ADA)


@pytest.mark.parametrize("items", [6, 10, 11, 50])
async def test_a_batch_that_waits_as_told_is_let_in(items: int) -> None:
    """Charged as one request first, and for the rest once they are counted: no wait is in vain, however large it is."""
    clock = StillClock()
    policy = Policy(Rules(levels={"user": Rule(rate=100, burst=10)}))
    gate = Turnstile(policy=policy, limiter=LocalLimiter(clock=clock), metrics=Metrics())

    async def enter_with_all() -> None:
        await gate.enter(ADA)
        await gate.enter(ADA, requests=items - 1, held=1)

    await gate.enter(ADA, requests=5)
    with pytest.raises(RateLimited) as caught:
        await enter_with_all()
    clock.pass_time(caught.value.retry_after or 0)
    await enter_with_all()


async def test_a_batch_above_the_burst_is_told_which_one_waits_less() -> None:
    """Or it would not learn why it waits so long."""
    gate = turnstile(user=Rule(rate=100, burst=10))
    await gate.enter(ADA, requests=3)
    with pytest.raises(RateLimited, match=r"Try again in 2 s. Up to 10 requests at once wait less."):
        await gate.enter(ADA, requests=50)
    with pytest.raises(RateLimited, match=r"s\.$"):
        await gate.enter(ADA, requests=9)


async def test_tokens_are_settled_to_what_was_used() -> None:
    """Reserved 50, used 80: 80 are gone. A caller in debt is refused before it spends more."""
    gate = turnstile(user=Rule(rate=100), tenant=Rule(tokens_per_minute=100))
    verdict = await gate.enter(ADA, tokens=50)
    await gate.settle(verdict, tokens=80)
    assert (await gate.enter(ADA, tokens=0)).standings[1].remaining == 20
    await gate.settle(verdict, tokens=50)
    await gate.settle(await gate.enter(ADA, tokens=0), tokens=90)
    with pytest.raises(RateLimited, match="`tenant-tokens`"):
        await gate.enter(ADA, tokens=0)


async def test_who_owes_tokens_may_still_ask_for_what_needs_none() -> None:
    """Reading a list waits for nobody's tokens."""
    gate = turnstile(user=Rule(rate=100), tenant=Rule(tokens_per_minute=100))
    await gate.settle(await gate.enter(ADA, tokens=0), tokens=1000)
    assert [standing.name for standing in (await gate.enter(ADA)).standings] == ["user"]


async def test_who_is_let_in_for_more_takes_no_second_place() -> None:
    """A batch in the only place there is may be charged for its items."""
    gate = turnstile(user=Rule(rate=100, burst=50, concurrent=1))
    await gate.enter(ADA)
    more = await gate.enter(ADA, requests=9, held=1)
    assert (more.lease, more.standings[0].remaining) == (None, 40)


@pytest.mark.parametrize(
    ("pause", "events"), [(0, ["burst_limit_triggered", "rate_limit_blocked"]), (1.0, ["rate_limit_exceeded"])]
)
async def test_the_audit_trail_is_told_why(pause: float, events: list[str]) -> None:
    """By the names of the first design: a burst, the penalty after it, a rate exceeded all along."""
    clock = StillClock()
    rules = Rules(levels={"user": Rule(rate=3, per=1, burst=3)}, penalty=Penalty(burst=10, excess=60))
    gate = Turnstile(policy=Policy(rules), limiter=LocalLimiter(clock=clock), metrics=Metrics())
    await gate.enter(ADA, requests=3)
    if pause:
        clock.pass_time(0.5)
        await gate.enter(ADA)
        clock.pass_time(pause - 0.5)
        await gate.enter(ADA)
    told = []
    for _ in events:
        with pytest.raises(RateLimited) as caught:
            await gate.enter(ADA, requests=3)
        told.append(caught.value.event)
    assert told == events


async def test_a_place_taken_is_told_as_such() -> None:
    """Too many at once has a name of its own."""
    gate = turnstile(user=Rule(concurrent=1))
    await gate.enter(ADA)
    with pytest.raises(RateLimited) as caught:
        await gate.enter(ADA)
    assert (caught.value.event, caught.value.level) == ("concurrency_limit_reached", "user-concurrent")


async def test_buckets_in_use_are_counted() -> None:
    """For those who look after the service."""
    gate = turnstile(user=Rule(rate=100), tenant=Rule(rate=100))
    await gate.enter(ADA)
    assert await gate.active() == 2


async def test_a_place_is_free_again_after_leaving() -> None:
    """And a verdict that holds nothing can be left as well."""
    gate = turnstile(user=Rule(rate=100, concurrent=1))
    verdict = await gate.enter(ADA)
    with pytest.raises(RateLimited, match="`user-concurrent`"):
        await gate.enter(ADA)
    await gate.leave(verdict)
    await gate.leave(await gate.enter(ADA))
    await gate.leave(await turnstile().enter(ADA))


async def test_a_new_policy_holds_from_the_next_request() -> None:
    """Replacing it needs no restart."""
    gate = turnstile(user=Rule(rate=100, burst=1))
    await gate.enter(ADA)
    gate.policy = Policy(Rules(levels={"user": Rule(rate=100, burst=5)}))
    assert (await gate.enter(ADA)).standings[0].remaining == 4

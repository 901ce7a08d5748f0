"""What a request holds is given back once, however it ends."""

import pytest

from bullpen.errors import DependencyDown
from bullpen.limits import Policy, Rules, Subject, Turnstile, Visit
from bullpen.limits.local import LocalLimiter
from bullpen.limits.rules import Rule
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.limits import ComesAndGoes

ADA = Subject("ada", "acme")


@pytest.fixture
def turnstile() -> Turnstile:
    rules = Rules(levels={"user": Rule(rate=100, concurrent=2), "tenant": Rule(tokens_per_minute=100)})
    return Turnstile(policy=Policy(rules), limiter=LocalLimiter(clock=StillClock()), metrics=Metrics())


async def tokens_left(turnstile: Turnstile) -> int:
    return (await turnstile.enter(ADA, tokens=0, held=1)).standings[1].remaining


async def places_left(turnstile: Turnstile) -> int:
    verdict = await turnstile.enter(ADA)
    await turnstile.leave(verdict)
    return verdict.occupancies[0].remaining + 1


@pytest.mark.parametrize(("spent", "left"), [((), 100), ((30, 20), 50), ((120,), 0)])
async def test_it_pays_for_what_was_spent(turnstile: Turnstile, spent: tuple[int, ...], left: int) -> None:
    """Reserved 40: a run that was cancelled before its first call pays nothing, any other what its calls came to."""
    visit = Visit(turnstile, await turnstile.enter(ADA, tokens=40))
    assert await tokens_left(turnstile) == 60
    for tokens in spent:
        visit.spend(tokens)
    await visit.leave()
    if left:
        assert await tokens_left(turnstile) == left
    assert await places_left(turnstile) == 2


async def test_a_batch_is_settled_as_a_whole(turnstile: Turnstile) -> None:
    """Let in first for nothing and then for its items, it pays once for all of them, and leaves twice without harm."""
    visit = Visit(turnstile, await turnstile.enter(ADA))
    visit.add(await turnstile.enter(ADA, requests=3, tokens=60, held=1))
    visit.add(await turnstile.enter(ADA, requests=2, tokens=20, held=1))
    visit.spend(25)
    assert visit.holds
    await visit.leave()
    await visit.leave()
    assert await tokens_left(turnstile) == 75
    assert await places_left(turnstile) == 2


async def test_what_holds_nothing_need_not_leave() -> None:
    """A request without a place and without tokens costs nothing at its end."""
    rules = Rules(levels={"user": Rule(rate=100), "tenant": Rule(tokens_per_minute=100)})
    gate = Turnstile(policy=Policy(rules), limiter=LocalLimiter(clock=StillClock()), metrics=Metrics())
    assert not Visit(gate, await gate.enter(ADA)).holds
    asked = Visit(gate, await gate.enter(ADA, tokens=0))
    assert not asked.holds
    asked.spend(5)
    assert asked.holds


async def test_the_caller_is_told_of_the_last_verdict(turnstile: Turnstile) -> None:
    """Which is the one that counts all of the request."""
    visit = Visit(turnstile, await turnstile.enter(ADA))
    visit.add(await turnstile.enter(ADA, requests=4, held=1))
    assert '"user";r=5;' in visit.headers["RateLimit"]


async def test_a_redis_that_fails_is_told() -> None:
    """Whoever ends the visit learns that its place is kept until the lease expires."""
    shared = ComesAndGoes()
    rules = Rules(levels={"user": Rule(rate=100, concurrent=1)})
    gate = Turnstile(policy=Policy(rules), limiter=shared, metrics=Metrics())
    visit = Visit(gate, await gate.enter(ADA))
    shared.mood = "failing"
    with pytest.raises(DependencyDown):
        await visit.leave()


@pytest.mark.parametrize("is_shared", [False, True])
async def test_only_a_shared_limiter_is_waited_for(is_shared: bool) -> None:
    """In this process alone a visit ends at once; over replicas somebody else has to be told."""
    rules = Policy(Rules(levels={"user": Rule(concurrent=1)}))
    gate = Turnstile(policy=rules, limiter=LocalLimiter(clock=StillClock()), metrics=Metrics(), is_shared=is_shared)
    assert Visit(gate, await gate.enter(ADA)).waits is is_shared

"""What breaker and limit are told of a call."""

import pytest

from bullpen.errors import (
    BullpenError,
    DeadlineExceeded,
    ModelBusy,
    ModelCredentials,
    ModelNonsense,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from bullpen.resilience import AdaptiveLimits, Deadline
from bullpen.resilience.breaker import BreakerPolicy
from bullpen.resilience.local import LocalBreakers
from bullpen.telemetry import Metrics
from tests.stubs.booking import safeguards
from tests.stubs.clock import StillClock

NAME = "x:m"


async def state_after(failure: BullpenError | None, *, waited: float = 0.1, cancelled: bool = False) -> str:
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=1))
    guards = safeguards(breakers=breakers)
    entry = await guards.enter(NAME, deadline=Deadline.after(60), patience=1)
    entry.leave(failure, cancelled=cancelled, waited=waited)
    (limit,) = guards.limits.standings()
    assert limit["in_flight"] == 0
    (standing,) = breakers.standings()
    return str(standing["state"])


@pytest.mark.parametrize("kind", [ModelUnavailable, ModelTimeout, ModelNonsense])
async def test_the_models_own_failures_count(kind: type[BullpenError]) -> None:
    """They open the breaker."""
    assert await state_after(kind("x")) == "open"


@pytest.mark.parametrize("kind", [ModelRejected, ModelCredentials, ModelBusy])
async def test_ours_and_its_refusals_do_not(kind: type[BullpenError]) -> None:
    """A wrong request, a wrong key, and one call too many are no sign that the model is dead."""
    assert await state_after(kind("x")) == "closed"


@pytest.mark.parametrize(("cancelled", "calls", "latency"), [(False, 1, 0.1), (True, 0, None)])
async def test_an_answer_counts_and_a_caller_who_leaves_does_not(
    *, cancelled: bool, calls: int, latency: float | None
) -> None:
    """Nobody knows what would have come, nor when."""
    guards = safeguards()
    entry = await guards.enter(NAME, deadline=Deadline.after(60), patience=1)
    entry.leave(None, cancelled=cancelled, waited=0.1)
    assert [(each["calls"], each["failures"]) for each in guards.breakers.standings()] == [(calls, 0)]
    assert guards.limits.latency(NAME) == latency


async def test_a_probe_whose_caller_leaves_frees_its_place() -> None:
    """The next one tries, and need not wait until the place would be lost."""
    clock = StillClock()
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=1, open_seconds=1), clock=clock)
    guards, deadline = safeguards(breakers=breakers), Deadline.after(60)
    (await guards.enter(NAME, deadline=deadline, patience=1)).leave(ModelUnavailable("x"), cancelled=False, waited=0.1)
    clock.pass_time(2)
    for _ in range(2):
        (await guards.enter(NAME, deadline=deadline, patience=1)).leave(None, cancelled=True, waited=0.1)


@pytest.mark.parametrize(("waited", "state"), [(4.9, "closed"), (5.1, "open")])
async def test_a_deadline_counts_when_the_model_was_slow(waited: float, state: str) -> None:
    """Callers in a hurry must not open a breaker for everybody; a model that hangs must."""
    assert await state_after(DeadlineExceeded("x"), waited=waited) == state


@pytest.mark.parametrize(
    ("usual", "waited", "overdue"), [(0.1, 0.9, False), (0.1, 1.1, True), (4, 11, False), (4, 13, True)]
)
async def test_slow_is_three_times_its_usual(usual: float, waited: float, *, overdue: bool) -> None:
    """And never less than a second."""
    clock = StillClock()
    guards = safeguards(limits=AdaptiveLimits(metrics=Metrics(), clock=clock))
    for _ in range(50):
        entry = await guards.enter(NAME, deadline=Deadline.after(60, clock=clock), patience=1)
        clock.pass_time(usual)
        entry.leave(None, cancelled=False, waited=usual)
    assert guards.is_overdue(NAME, waited=waited) is overdue


async def test_a_refusal_alone_is_no_wish_for_rest() -> None:
    """A 429 lowers the limit; who is let through next need not wait for the second that our own error suggests."""
    guards = safeguards()
    entry = await guards.enter(NAME, deadline=Deadline.after(60), patience=1)
    before = guards.limits.standings()[0]["limit"]
    entry.leave(ModelBusy("x", retry_after=30), cancelled=False, waited=0.1)
    entry.learn({"date": "Fri, 20 Nov 2026 16:00:00 GMT"})
    assert guards.limits.standings()[0]["limit"] < before
    assert guards.limits.standings()[0]["resting"] == 0


async def test_a_provider_that_asks_for_rest_gets_it() -> None:
    """Until then nobody is let through."""
    guards = safeguards()
    entry = await guards.enter(NAME, deadline=Deadline.after(60), patience=1)
    entry.leave(ModelBusy("x", retry_after=30), cancelled=False, waited=0.1)
    entry.learn({"retry-after": "30"})
    with pytest.raises(ModelBusy):
        await guards.enter(NAME, deadline=Deadline.after(60), patience=1)


async def test_who_is_not_let_through_holds_no_place() -> None:
    """A breaker's probe that meets a resting model frees the probe's place."""
    clock = StillClock()
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=1, open_seconds=1), clock=clock)
    guards = safeguards(breakers=breakers)
    deadline = Deadline.after(60)
    (await guards.enter(NAME, deadline=deadline, patience=1)).leave(ModelUnavailable("x"), cancelled=False, waited=0.1)
    clock.pass_time(2)
    guards.limits.rest(NAME, seconds=30)
    for _ in range(2):
        with pytest.raises(ModelBusy):
            await guards.enter(NAME, deadline=deadline, patience=0.01)


async def test_headers_are_learnt_from() -> None:
    """A provider that says that nothing is left is left alone until the reset."""
    guards = safeguards()
    entry = await guards.enter(NAME, deadline=Deadline.after(60), patience=1)
    entry.leave(None, cancelled=False, waited=0.1)
    entry.learn({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"})
    entry.learn({})
    with pytest.raises(ModelBusy):
        await guards.enter(NAME, deadline=Deadline.after(60), patience=1)

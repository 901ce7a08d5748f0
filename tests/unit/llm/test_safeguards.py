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


async def test_a_caller_who_leaves_does_not() -> None:
    """Nobody knows what would have come."""
    assert await state_after(None, cancelled=True, waited=100) == "closed"


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


async def test_a_provider_that_asks_for_rest_gets_it() -> None:
    """Until then nobody is let through."""
    guards = safeguards()
    entry = await guards.enter(NAME, deadline=Deadline.after(60), patience=1)
    entry.leave(ModelBusy("x", retry_after=30), cancelled=False, waited=0.1)
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
    entry.learn(None)
    with pytest.raises(ModelBusy):
        await guards.enter(NAME, deadline=Deadline.after(60), patience=1)

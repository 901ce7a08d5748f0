"""Adaptive limits, a model at a time."""

import asyncio

import pytest

from bullpen.errors import ModelBusy
from bullpen.resilience import AdaptiveLimits, Deadline
from bullpen.resilience.gradient import AdaptivePolicy
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock

GPT = "openai:gpt-4o"
CLAUDE = "anthropic:claude-opus-5-5"


class Scene:
    def __init__(self, *, start: int = 2, rest_max: float = 60.0) -> None:
        self.clock = StillClock(now=1_795_190_400.0)  # 2026-11-20T16:00:00Z
        self.metrics = Metrics()
        self.limits = AdaptiveLimits(
            metrics=self.metrics,
            policy=AdaptivePolicy(floor=1, start=start, ceiling=8),
            rest_max=rest_max,
            clock=self.clock,
        )

    def deadline(self, seconds: float = 60.0) -> Deadline:
        return Deadline.after(seconds, clock=self.clock)

    def figure(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"bullpen_{name}", {"provider": "openai", "model": "gpt-4o"})

    def resting(self) -> float:
        return float(self.limits.standings()[0]["resting"])


async def test_each_model_has_a_limit_of_its_own() -> None:
    """One that is overloaded does not stand in another's way."""
    scene = Scene(start=1)
    await scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0)
    await scene.limits.enter(CLAUDE, deadline=scene.deadline(), patience=1.0)
    with pytest.raises(ModelBusy):
        await scene.limits.enter(GPT, deadline=scene.deadline(), patience=0.01)


async def test_room_that_is_free_is_given_without_waiting() -> None:
    """Nothing else runs meanwhile: the call has its slot before the loop turns."""
    scene = Scene()
    with pytest.raises(StopIteration):
        scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0).send(None)


async def test_nobody_waits_beyond_the_deadline() -> None:
    """Patience may be longer than what is left."""
    scene = Scene(start=1)
    await scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0)
    async with asyncio.timeout(30):
        with pytest.raises(ModelBusy):
            await scene.limits.enter(GPT, deadline=scene.deadline(0.01), patience=60.0)
    with pytest.raises(ModelBusy):
        await scene.limits.enter(GPT, deadline=scene.deadline(0.0), patience=60.0)


async def test_overload_leaves_less_room_and_other_failures_do_not() -> None:
    """What a failure means beyond that is the breaker's to say."""
    scene = Scene(start=8)
    slots = [await scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0) for _ in range(8)]
    for slot in slots[:4]:
        slot.leave("failure", latency=1.0)
    assert scene.limits.standings()[0]["limit"] == 8
    slots[4].leave("overload", latency=1.0)
    assert scene.limits.standings()[0]["limit"] == 5
    assert scene.figure("adaptive_limit") == 5
    assert scene.figure("adaptive_in_flight") == 3


async def test_a_rest_holds_for_one_model() -> None:
    """It is counted once, however many calls are refused meanwhile."""
    scene = Scene()
    scene.limits.rest(GPT, seconds=20.0)
    scene.limits.rest(GPT, seconds=21.0)
    with pytest.raises(ModelBusy) as caught:
        await scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0)
    assert caught.value.retry_after == pytest.approx(21)
    await scene.limits.enter(CLAUDE, deadline=scene.deadline(), patience=1.0)
    assert scene.figure("model_rests_total") == 1


@pytest.mark.parametrize("asked", [365 * 86_400.0, float("inf")])
async def test_no_provider_silences_a_model_for_ever(asked: float) -> None:
    """A rest of a year is one of `rest_max`."""
    scene = Scene(rest_max=30.0)
    scene.limits.rest(GPT, seconds=asked)
    assert scene.resting() == 30
    scene.clock.pass_time(30.0)
    await scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0)


async def test_headers_that_say_so_begin_a_rest() -> None:
    """Those of a good answer too: the next call would be refused."""
    scene = Scene()
    scene.limits.learn(GPT, {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "9s"})
    assert scene.limits.standings() == []
    scene.limits.learn(GPT, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s"})
    assert scene.resting() == 9
    scene.limits.learn(
        GPT, {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2026-11-20T16:00:15Z"}
    )
    assert scene.resting() == 15


async def test_latency_is_known_after_an_answer() -> None:
    """Of failures, which come fast or late for reasons of their own, nothing is learnt."""
    scene = Scene()
    assert scene.limits.latency(GPT) is None
    first = await scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0)
    first.leave("failure", latency=30.0)
    assert scene.limits.latency(GPT) is None
    second = await scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0)
    second.leave("success", latency=0.5)
    assert scene.limits.latency(GPT) == 0.5


async def test_standings_tell_of_every_model() -> None:
    """As they are shown to operators."""
    scene = Scene()
    slot = await scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0)
    slot.leave("success", latency=0.25)
    await scene.limits.enter(GPT, deadline=scene.deadline(), patience=1.0)
    scene.limits.rest(CLAUDE, seconds=5.0)
    assert scene.limits.standings() == [
        {
            "provider": "openai",
            "model": "gpt-4o",
            "limit": 2,
            "in_flight": 1,
            "waiting": 0,
            "latency": 0.25,
            "resting": 0.0,
        },
        {
            "provider": "anthropic",
            "model": "claude-opus-5-5",
            "limit": 2,
            "in_flight": 0,
            "waiting": 0,
            "latency": None,
            "resting": 5.0,
        },
    ]

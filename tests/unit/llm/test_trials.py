"""What becomes of a failed attempt: the same model again, the next model, or the failure."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from agno.exceptions import ModelProviderError
from agno.models.message import Message

from bullpen.errors import (
    BullpenError,
    CircuitOpen,
    ModelBusy,
    ModelCredentials,
    ModelRejected,
    ModelUnavailable,
    RunFailed,
)
from bullpen.llm import CallSettings, Preferences
from bullpen.llm.failures import ModelCallFailed
from bullpen.llm.guarded import GuardedModel, guarded
from bullpen.llm.link import Link
from bullpen.llm.ports import ModelName
from bullpen.llm.responses import Answers
from bullpen.llm.slim.errors import Head, Refused
from bullpen.resilience import AdaptiveLimits, Deadline, RetryBudgets
from bullpen.resilience.breaker import BreakerPolicy
from bullpen.resilience.gradient import AdaptivePolicy
from bullpen.resilience.local import LocalBreakers
from bullpen.telemetry import Metrics
from tests.stubs.booking import KeptUsage, Purse, meter, model_run, safeguards
from tests.stubs.scripted import Broken, Hang, Reply, ScriptedModel, Turn

ASKED = [Message(role="user", content="Who?")]
DOWN = ModelProviderError("down", status_code=503)
REFUSED = ModelProviderError("no", status_code=400)
LOCKED = ModelProviderError("who are you", status_code=401)


def model(name: str, *turns: Turn) -> ScriptedModel:
    return ScriptedModel(id=name, turns=turns or (name,))


def chain(*models: ScriptedModel, usage: KeptUsage | None = None, retries: int = 0, **others: Any) -> GuardedModel:
    links = [Link(ModelName("x", each.id), each) for each in models]
    call = CallSettings(retries=retries, retry_delay=0.001, retry_delay_max=0.002)
    return guarded(links, call=call, meter=meter(usage=usage, **others))


async def ask(outside: GuardedModel, *, stream: bool) -> str:
    if not stream:
        return str((await outside.ainvoke(messages=ASKED)).content)
    return "".join([str(piece.content or "") async for piece in outside.ainvoke_stream(messages=ASKED)])


async def failure(outside: GuardedModel, *, stream: bool) -> BullpenError:
    with pytest.raises(ModelCallFailed) as caught:
        await ask(outside, stream=stream)
    return caught.value.failure


pytestmark = pytest.mark.parametrize("stream", [False, True])


async def test_what_may_pass_is_tried_again(*, stream: bool) -> None:
    """Each attempt is booked, the last one as the answer, and the run has no failure left."""
    usage, run = KeptUsage(), model_run()
    with run.as_current():
        assert await ask(chain(model("a", DOWN, DOWN, "fine"), usage=usage, retries=3), stream=stream) == "fine"
    assert [each.outcome for each in usage.attempts] == ["error", "error", "success"]
    assert [each.number for each in usage.attempts] == [1, 2, 3]
    assert (run.failure, run.model) == (None, "a")


async def test_so_many_retries_and_no_more(*, stream: bool) -> None:
    """Three retries are four attempts."""
    inner = model("a", DOWN)
    assert isinstance(await failure(chain(inner, retries=3), stream=stream), ModelUnavailable)
    assert len(inner.asked) == 4


@pytest.mark.parametrize(("turn", "kind"), [(REFUSED, ModelRejected), (LOCKED, ModelCredentials)])
async def test_what_will_not_pass_is_not_tried_again(turn: Turn, kind: type[BullpenError], *, stream: bool) -> None:
    """What the provider refuses once it refuses always."""
    inner = model("a", turn)
    assert isinstance(await failure(chain(inner, retries=3), stream=stream), kind)
    assert len(inner.asked) == 1


async def test_without_a_budget_nothing_is_tried_again(*, stream: bool) -> None:
    """Retries are paid for out of what calls put in."""
    guards = safeguards()
    while guards.budgets.take("x:a"):
        pass
    inner = model("a", DOWN)
    await failure(chain(inner, retries=3, safeguards=guards), stream=stream)
    assert len(inner.asked) == 1


@pytest.mark.parametrize("turn", [DOWN, REFUSED, LOCKED, Reply(text=None), ModelProviderError("wait", status_code=429)])
async def test_the_next_model_is_asked(turn: Turn, *, stream: bool) -> None:
    """Whatever was wrong with the first; who failed over to whom is counted, and both attempts are booked."""
    usage, run = KeptUsage(), model_run()
    with run.as_current():
        assert await ask(chain(model("a", turn), model("b"), usage=usage), stream=stream) == "b"
    assert usage.failovers == [("x:a", "x:b")]
    assert [each.model.id for each in usage.attempts] == ["a", "b"]
    assert (run.model, run.failure) == ("b", None)


async def test_retries_do_not_pay_for_retries(*, stream: bool) -> None:
    """A call puts its share in once, however often it is tried: else an outage would fill the budget by itself."""
    budgets = RetryBudgets(metrics=Metrics(), ratio=1.0, reserve=2)
    assert isinstance(
        await failure(
            chain(inner := model("a", DOWN), retries=9, safeguards=safeguards(budgets=budgets)), stream=stream
        ),
        ModelUnavailable,
    )
    assert len(inner.asked) == 1 + 3


async def test_a_pause_is_the_models_time(*, stream: bool) -> None:
    """It is not what this server adds."""
    run, links = model_run(), [Link(ModelName("x", "a"), model("a", DOWN, "fine"))]
    outside = guarded(links, call=CallSettings(retries=1, retry_delay=0.02, retry_delay_max=0.02), meter=meter())
    with run.as_current():
        await ask(outside, stream=stream)
    assert run.away_seconds >= 0.02


async def test_the_last_failure_is_told(*, stream: bool) -> None:
    """When no model is left; it is also the run's."""
    run = model_run()
    with run.as_current():
        told = await failure(chain(model("a", LOCKED), model("b", DOWN)), stream=stream)
    assert isinstance(told, ModelUnavailable)
    assert run.failure is told


async def test_what_the_caller_can_mend_is_told_first(*, stream: bool) -> None:
    """A request that one model refused is to be changed, whatever was wrong with the others; it is also the run's."""
    run = model_run()
    with run.as_current():
        told = await failure(chain(model("a", REFUSED), model("b", DOWN)), stream=stream)
    assert isinstance(told, ModelRejected)
    assert run.failure is told


async def test_an_open_breaker_is_gone_past_without_a_call(*, stream: bool) -> None:
    """P15: the dead model is not asked; alone, it is told at once, with the time to come back."""
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=1))
    guards = safeguards(breakers=breakers)
    dead = model("a", DOWN)
    await failure(chain(dead, safeguards=guards), stream=stream)
    assert await ask(chain(dead, model("b"), safeguards=guards), stream=stream) == "b"
    told = await failure(chain(dead, safeguards=guards, retries=3), stream=stream)
    assert isinstance(told, CircuitOpen)
    assert told.retry_after
    assert len(dead.asked) == 1


async def test_who_is_not_let_through_pays_for_no_retry(*, stream: bool) -> None:
    """Thousands of refusals by an open breaker do not save up a storm of retries for when it closes."""
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=1))
    guards = safeguards(breakers=breakers)
    outside = chain(model("a", DOWN), safeguards=guards)
    await failure(outside, stream=stream)
    while guards.budgets.take("x:a"):
        pass
    for _ in range(10):
        assert isinstance(await failure(outside, stream=stream), CircuitOpen)
    assert not guards.budgets.take("x:a")


async def test_a_hedged_call_that_was_answered_has_no_failure(*, stream: bool) -> None:
    """Though the other of the two failed in the very moment the answer came."""
    go, run = asyncio.Event(), model_run()

    async def fails(_: Sequence[Message]) -> Turn:
        await go.wait()
        await asyncio.sleep(0)
        return DOWN

    async def answers(_: Sequence[Message]) -> Turn:
        asyncio.get_running_loop().call_soon(go.set)
        await go.wait()
        return "b"

    links = [Link(ModelName("x", "a"), model("a", fails, answers))]
    outside = guarded(links, call=CallSettings(retries=0, hedge_after=1e-9), meter=meter())
    with run.as_current():
        assert await ask(outside, stream=stream) == "b"
    assert run.failure is None


async def test_a_breaker_that_opens_ends_the_retries(*, stream: bool) -> None:
    """Not one attempt more than it takes to open it."""
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=2))
    inner = model("a", DOWN)
    told = await failure(chain(inner, retries=3, safeguards=safeguards(breakers=breakers)), stream=stream)
    assert isinstance(told, CircuitOpen)
    assert len(inner.asked) == 2


@pytest.mark.parametrize("turn", [REFUSED, LOCKED, ModelProviderError("wait", status_code=429)])
async def test_what_is_not_the_models_fault_opens_no_breaker(turn: Turn, *, stream: bool) -> None:
    """Our own mistakes, our own key, and more calls than the provider wants."""
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=1))
    await failure(chain(model("a", turn), safeguards=safeguards(breakers=breakers)), stream=stream)
    assert [each["state"] for each in breakers.standings()] == ["closed"]


@pytest.mark.parametrize(("asked", "answered"), [({}, True), ({"Retry-After": "30"}, False)])
async def test_a_busy_model_rests_only_when_it_says_so(asked: dict[str, str], *, answered: bool, stream: bool) -> None:
    """Whoever calls it next is let through at once, unless the provider wanted to be left alone."""
    guards = safeguards()
    busy = ModelProviderError("wait", status_code=429)
    busy.__cause__ = Refused(Head(429, asked), "wait")
    outside = chain(model("a", busy, "fine"), safeguards=guards)
    assert isinstance(await failure(outside, stream=stream), ModelBusy)
    assert [each["resting"] > 0 for each in guards.limits.standings()] == [not answered]
    if answered:
        assert await ask(outside, stream=stream) == "fine"


async def test_a_refused_budget_is_the_end(*, stream: bool) -> None:
    """Another model costs money, too; nobody is called, and breaker and limit have their places back."""
    guards = safeguards()
    first, second = model("a"), model("b")
    refusal = RunFailed("No money.")
    outside = chain(first, second, budget=Purse(refusal=refusal), safeguards=guards)
    assert await failure(outside, stream=stream) is refusal
    assert (first.asked, second.asked) == ([], [])
    assert [each["in_flight"] for each in guards.limits.standings()] == [0]


async def test_a_model_that_rests_is_gone_past(*, stream: bool) -> None:
    """Where there is another one to ask, a long rest is not waited for."""
    guards = safeguards()
    guards.limits.rest("x:a", seconds=30)
    resting = model("a")
    assert await ask(chain(resting, model("b"), safeguards=guards), stream=stream) == "b"
    assert resting.asked == []


async def test_a_rest_that_outlasts_the_run_is_told(*, stream: bool) -> None:
    """At once, with the time to come back."""
    guards, run = safeguards(), model_run(seconds=5)
    guards.limits.rest("x:a", seconds=30)
    with run.as_current():
        told = await failure(chain(model("a"), safeguards=guards), stream=stream)
    assert isinstance(told, ModelBusy)
    assert told.retry_after is not None
    assert told.retry_after > 5


async def test_a_model_that_stands_back_is_asked_last(*, stream: bool) -> None:
    """And all the same when its fallbacks fail."""
    preferences = Preferences()
    preferences.prefer_fallback("x:a")
    assert await ask(chain(model("a"), model("b"), preferences=preferences), stream=stream) == "b"
    assert await ask(chain(model("a"), model("b", DOWN), preferences=preferences), stream=stream) == "a"


async def test_all_attempts_at_one_call_have_one_key(*, stream: bool) -> None:
    """So that a provider that takes an idempotency key does the work once; the next call has another."""
    keys: list[str | None] = []

    def heard(_: Sequence[Message]) -> Turn:
        keys.append(Answers.current().stamp.get("Idempotency-Key"))
        return DOWN if len(keys) < 3 else "fine"

    outside = chain(model("a", heard), retries=3)
    await ask(outside, stream=stream)
    await ask(outside, stream=stream)
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] not in {None, keys[0]}


async def test_a_word_too_many_is_told_as_what_it_was(*, stream: bool) -> None:
    """A stream that breaks off, and opens the breaker by it, was not refused by the breaker."""
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=1))
    inner = model("a", Broken(before="One ", error=ConnectionResetError()))
    told = await failure(chain(inner, retries=3, safeguards=safeguards(breakers=breakers)), stream=stream)
    assert isinstance(told, ModelUnavailable if stream else CircuitOpen)


@pytest.mark.parametrize(("turn", "retries", "kind"), [(DOWN, 0, ModelUnavailable), (REFUSED, 3, ModelRejected)])
async def test_what_would_not_be_tried_again_is_told_as_it_is(
    turn: Turn, retries: int, kind: type[BullpenError], *, stream: bool
) -> None:
    """An open breaker keeps from a retry; where there would be none it has nothing to say."""
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=1))
    guards = safeguards(breakers=breakers)

    async def meanwhile(_: Sequence[Message]) -> Turn:
        (await breakers.enter("x:a")).leave("failure")
        return turn

    assert isinstance(
        await failure(chain(model("a", meanwhile), retries=retries, safeguards=guards), stream=stream), kind
    )


async def test_a_spoken_word_is_final(*, stream: bool) -> None:
    """Once a word has come nothing is tried again: it may have reached the caller."""
    first, second = model("a", Broken(before="One ", error=ConnectionResetError())), model("b")
    if stream:
        await failure(chain(first, second, retries=3), stream=stream)
        assert (len(first.asked), second.asked) == (1, [])
    else:
        assert await ask(chain(first, second), stream=stream) == "b"


async def test_a_deadline_that_passes_in_line_ends_the_call(*, stream: bool) -> None:
    """Nobody is called, nobody waits longer, and the place in line is given up."""
    policy = AdaptivePolicy(floor=1, start=1, ceiling=1)
    guards = safeguards(limits=AdaptiveLimits(metrics=Metrics(), policy=policy))
    await guards.limits.enter("x:a", deadline=Deadline.after(60), patience=60)
    inner, run = model("a"), model_run(seconds=0.02)
    with run.as_current():
        told = await failure(chain(inner, retries=3, safeguards=guards), stream=stream)
    assert isinstance(told, ModelBusy)
    assert run.failure is told
    assert inner.asked == []
    assert [(each["in_flight"], each["waiting"]) for each in guards.limits.standings()] == [(1, 0)]


async def test_no_pause_outlasts_the_run(*, stream: bool) -> None:
    """The failure is told at once, rather than after a wait for nothing."""
    inner, run = model("a", DOWN), model_run(seconds=30)
    links = [Link(ModelName("x", "a"), inner)]
    outside = guarded(links, call=CallSettings(retries=3, retry_delay=60, retry_delay_max=60), meter=meter())
    with run.as_current():
        assert isinstance(await failure(outside, stream=stream), ModelUnavailable)
    assert len(inner.asked) == 1


async def test_the_failure_that_opens_the_breaker_is_not_paused_after(*, stream: bool) -> None:
    """The pause would end at a closed door: the next model is asked at once."""
    breakers = LocalBreakers(metrics=Metrics(), policy=BreakerPolicy(failures=1))
    guards = safeguards(breakers=breakers)
    links = [Link(ModelName("x", each.id), each) for each in (model("a", DOWN), model("b"))]
    call = CallSettings(retries=3, retry_delay=3600, retry_delay_max=3600)
    outside = guarded(links, call=call, meter=meter(safeguards=guards))
    async with asyncio.timeout(10):
        assert await ask(outside, stream=stream) == "b"


@pytest.mark.parametrize(("others", "told", "times"), [((model("b"),), "b", 1), ((), "fine", 2)])
async def test_a_model_that_hangs_is_asked_again_only_where_there_is_no_other(
    others: tuple[ScriptedModel, ...], told: str, times: int, *, stream: bool
) -> None:
    """Each time would cost the whole time of a call."""
    hanging = model("a", Hang(), "fine")
    links = [Link(ModelName("x", each.id), each) for each in (hanging, *others)]
    call = CallSettings(retries=1, retry_delay=0.001, retry_delay_max=0.002, timeout=0.05)
    with model_run().as_current():
        assert await ask(guarded(links, call=call, meter=meter()), stream=stream) == told
    assert len(hanging.asked) == times


@pytest.mark.parametrize(("asked", "times"), [("30", 1), ("0", 2)])
async def test_who_is_told_to_wait_asks_another(asked: str, times: int, *, stream: bool) -> None:
    """A long rest is waited for by nobody who has another model to ask, not even by the call that was told of it."""
    busy = ModelProviderError("wait", status_code=429)
    busy.__cause__ = Refused(Head(429, {"Retry-After": asked}), "wait")
    first = model("a", busy)
    async with asyncio.timeout(10):
        assert await ask(chain(first, model("b"), retries=1), stream=stream) == "b"
    assert len(first.asked) == times

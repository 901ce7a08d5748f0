"""One attempt: bounded, classified, priced and booked, however it ends."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest
from agno.exceptions import ModelProviderError
from agno.models.message import Message
from agno.models.response import ModelResponse

from bullpen.errors import DeadlineExceeded, ModelNonsense, ModelTimeout, ModelUnavailable, RunFailed
from bullpen.llm import CallSettings, GuardedModel, Models
from bullpen.llm.failures import ModelCallFailed
from bullpen.llm.local import AllowAll
from bullpen.llm.ports import Attempt, ModelName
from bullpen.llm.responses import Answers
from bullpen.resilience import Deadline
from tests.stubs.booking import FlatPrices, KeptUsage, Purse, guard, model_run, models, safeguards
from tests.stubs.clock import StillClock
from tests.stubs.scripted import INPUT_TOKENS, OUTPUT_TOKENS, Broken, Hang, Reply, ScriptedModel, Turn

ASKED = [Message(role="user", content="12345678" * 10)]
SENT = 20
NAME = ModelName("scripted", "scripted")


CALL = CallSettings(retries=0)


class OpenAnswer:
    """An answer that nobody has read to its end."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True


async def ask(model: GuardedModel, *, stream: bool = False) -> str:
    if not stream:
        return str((await model.ainvoke(messages=ASKED)).content)
    return "".join([str(piece.content or "") async for piece in model.ainvoke_stream(messages=ASKED)])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_success_is_booked_as_told(*, stream: bool) -> None:
    """Who, what, how much, for how much; the run's own tally and its model agree, and the reservation is settled."""
    usage, purse, run = KeptUsage(), Purse(), model_run()
    with run.as_current():
        assert await ask(guard(ScriptedModel(), usage=usage, budget=purse), stream=stream) == "done"
    (booked,) = usage.attempts
    cost = INPUT_TOKENS + 2 * OUTPUT_TOKENS
    assert booked == Attempt(
        run_id="run_1",
        number=1,
        tenant="acme",
        user_id="alice",
        agent_type="general",
        model=NAME,
        input_tokens=INPUT_TOKENS,
        output_tokens=OUTPUT_TOKENS,
        cost=cost,
        estimated=False,
        counted=True,
        outcome="success",
        duration=booked.duration,
    )
    assert (run.input_tokens, run.output_tokens, run.cost) == (INPUT_TOKENS, OUTPUT_TOKENS, cost)
    assert (run.model, run.attempts, run.failure) == ("scripted", 1, None)
    assert (purse.reserved, purse.settled) == ([SENT + 2048], [cost])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_provider_that_does_not_tell_is_estimated(*, stream: bool) -> None:
    """Four characters are a token, and the line says that it is an estimate."""
    usage = KeptUsage()
    await ask(guard(ScriptedModel(turns=[Reply(text="1234" * 5, usage=False)]), usage=usage), stream=stream)
    (booked,) = usage.attempts
    assert (booked.input_tokens, booked.output_tokens, booked.estimated, booked.counted) == (SENT, 5, True, True)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_call_costs_nothing(*, stream: bool) -> None:
    """It is booked as a lost attempt of no tokens; the failure is in the run and in what is raised, in our words."""
    usage, run = KeptUsage(), model_run()
    model = guard(ScriptedModel(turns=[ModelProviderError("secret", status_code=500)]), usage=usage)
    with run.as_current(), pytest.raises(ModelCallFailed) as caught:
        await ask(model, stream=stream)
    (booked,) = usage.attempts
    assert (booked.input_tokens, booked.output_tokens, booked.cost) == (0, 0, 0)
    assert (booked.outcome, booked.counted, booked.estimated) == ("error", False, False)
    assert isinstance(run.failure, ModelUnavailable)
    assert caught.value.failure is run.failure
    assert "secret" not in str(caught.value)


async def test_a_stream_that_breaks_costs_what_had_come() -> None:
    """Words that arrived before the failure were paid for."""
    usage = KeptUsage()
    model = guard(ScriptedModel(turns=[Broken(before="1234 678", error=ConnectionResetError())]), usage=usage)
    with pytest.raises(ModelCallFailed):
        await ask(model, stream=True)
    (booked,) = usage.attempts
    assert (booked.input_tokens, booked.output_tokens) == (SENT, 2)
    assert (booked.estimated, booked.counted, booked.outcome) == (True, False, "error")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("seconds", "bound", "kind"), [(60, 0.05, ModelTimeout), (0.05, 60, DeadlineExceeded)], ids=["own", "deadline"]
)
async def test_a_late_answer_ends_the_call(
    seconds: float, bound: float, kind: type[RunFailed], *, stream: bool
) -> None:
    """The call's own bound is the model's failure, the run's deadline the run's; the prompt was paid for."""
    usage, purse, run = KeptUsage(), Purse(), model_run(seconds=seconds)
    model = guard(ScriptedModel(turns=[Hang(before="1234 ")]), usage=usage, budget=purse, timeout=bound)
    with run.as_current(), pytest.raises(ModelCallFailed):
        await ask(model, stream=stream)
    (booked,) = usage.attempts
    assert type(run.failure) is kind
    assert (booked.outcome, booked.counted, booked.estimated) == ("timeout", False, True)
    assert booked.input_tokens == SENT
    assert booked.output_tokens == (2 if stream else 0)
    assert purse.settled == [booked.cost]


async def test_no_call_is_made_when_no_time_is_left() -> None:
    """The provider is not asked, and nothing is booked or reserved."""
    usage, purse, run, inner = KeptUsage(), Purse(), model_run(seconds=0), ScriptedModel()
    with run.as_current(), pytest.raises(ModelCallFailed):
        await ask(guard(inner, usage=usage, budget=purse))
    assert isinstance(run.failure, DeadlineExceeded)
    assert (inner.asked, usage.attempts, purse.reserved) == ([], [], [])


async def test_no_call_is_made_that_may_not_be_paid_for() -> None:
    """The budget's refusal is the run's failure."""
    refusal, usage, run, inner = RunFailed("No money."), KeptUsage(), model_run(), ScriptedModel()
    with run.as_current(), pytest.raises(ModelCallFailed, match="No money"):
        await ask(guard(inner, usage=usage, budget=Purse(refusal=refusal)))
    assert run.failure is refusal
    assert (inner.asked, usage.attempts) == ([], [])


@pytest.mark.parametrize("stream", [False, True])
async def test_p05_what_was_spent_before_a_cancellation_is_booked(*, stream: bool) -> None:
    """The cancellation passes through, the attempt is booked once as lost, and the reservation is settled."""
    usage, purse, run, hang = KeptUsage(), Purse(), model_run(), Hang(before="1234 ")
    model = guard(ScriptedModel(turns=[hang]), usage=usage, budget=purse)
    with run.as_current():
        task = asyncio.create_task(ask(model, stream=stream))
    await hang.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (booked,) = usage.attempts
    assert (booked.outcome, booked.counted, booked.estimated) == ("cancelled", False, True)
    assert (booked.input_tokens, booked.output_tokens) == (SENT, 2 if stream else 0)
    assert (run.cost, purse.settled) == (booked.cost, [booked.cost])
    assert run.failure is None


async def test_p05_a_stream_nobody_reads_any_more_is_booked() -> None:
    """A client that hangs up closes the stream between two words; what came until then is booked."""
    usage, purse = KeptUsage(), Purse()
    model = guard(ScriptedModel(turns=["1234 678 never read"]), usage=usage, budget=purse)
    async with aclosing(model.ainvoke_stream(messages=ASKED)) as pieces:  # type: ignore[type-var] # Agno's type hides that it is a generator
        await anext(pieces)
        await anext(pieces)
    (booked,) = usage.attempts
    assert (booked.outcome, booked.counted, booked.output_tokens) == ("cancelled", False, 3)
    assert purse.settled == [booked.cost]


async def test_a_cancellation_at_the_deadline_is_a_timeout() -> None:
    """The runner's own bound may end the call a moment before the guard's: then time ran out, nobody hung up."""
    usage, hang = KeptUsage(), Hang()
    model = guard(ScriptedModel(turns=[hang]), usage=usage)

    clock = StillClock(0)
    run = model_run(deadline=Deadline(10.0, clock))
    with run.as_current():
        task = asyncio.create_task(ask(model))
    await hang.started.wait()
    clock.pass_time(11)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [booked.outcome for booked in usage.attempts] == ["timeout"]


async def test_a_budget_with_no_bottom_lets_every_call_be() -> None:
    """Every call may be made, and is booked all the same."""
    usage = KeptUsage()
    house = Models(prices=FlatPrices(), usage=usage, budget=AllowAll(), safeguards=safeguards())
    await ask(house.guard(ScriptedModel(), call=CallSettings()))
    assert [booked.outcome for booked in usage.attempts] == ["success"]


class Clinging(ScriptedModel):
    """A model that takes its time to let go of a call that was ended; `ending` tells that it was."""

    ending: asyncio.Event

    async def ainvoke(self, **_: Any) -> ModelResponse:
        try:
            await asyncio.Event().wait()
        finally:
            self.ending.set()
            await asyncio.Event().wait()
        raise AssertionError


async def test_a_cancellation_is_never_swallowed() -> None:
    """A run that is cancelled while a call is being ended for its timeout is cancelled, and not merely late."""
    inner = Clinging()
    inner.ending = asyncio.Event()
    task = asyncio.create_task(ask(guard(inner, timeout=0.01)))
    await inner.ending.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", [None, ""])
async def test_an_empty_answer_is_nonsense(text: str | None, *, stream: bool) -> None:
    """It is a failure, never an empty success, and its tokens are booked."""
    usage, run = KeptUsage(), model_run()
    with run.as_current(), pytest.raises(ModelCallFailed):
        await ask(guard(ScriptedModel(turns=[Reply(text=text)]), usage=usage), stream=stream)
    assert isinstance(run.failure, ModelNonsense)
    assert [(booked.outcome, booked.input_tokens) for booked in usage.attempts] == [("error", INPUT_TOKENS)]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_empty_answer_costs_its_prompt(*, stream: bool) -> None:
    """The provider worked on it, though it does not tell how much: the prompt is booked as estimated."""
    usage = KeptUsage()
    with pytest.raises(ModelCallFailed):
        await ask(guard(ScriptedModel(turns=[Reply(text=None, usage=False)]), usage=usage), stream=stream)
    (booked,) = usage.attempts
    assert (booked.input_tokens, booked.output_tokens, booked.cost, booked.estimated) == (SENT, 0, SENT, True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("turn", "state"), [(Reply(text=None), "closed"), (ValueError("half"), "open")], ids=["empty", "broken"]
)
async def test_who_makes_a_model_say_nothing_closes_it_to_nobody(turn: Turn, state: str, *, stream: bool) -> None:
    """A model that refuses, or is not let to speak by its provider's filter, answers whole and without a word."""
    guards = safeguards()
    given = models(safeguards=guards)
    model = given.guard(ScriptedModel(turns=[turn] * 6), call=CallSettings(retries=0))
    for _ in range(6):
        with pytest.raises(ModelCallFailed):
            await ask(model, stream=stream)
    assert [each["state"] for each in guards.breakers.standings()] == [state]


@pytest.mark.parametrize("turn", [ConnectionResetError(), Reply(text=None)], ids=["broken", "empty"])
async def test_a_failure_does_not_name_the_model_of_a_run(turn: Turn) -> None:
    """That is the one that answered last, or none yet."""
    run = model_run()
    failing = guard(ScriptedModel(id="failing", turns=[turn]))
    with run.as_current():
        with pytest.raises(ModelCallFailed):
            await ask(failing)
        before = run.model
        await ask(guard(ScriptedModel(id="answering")))
        with pytest.raises(ModelCallFailed):
            await ask(failing)
    assert (before, run.model) == ("", "answering")


async def test_a_later_success_makes_a_failure_good() -> None:
    """The failure in the run is the last one that nothing made good; attempts count on."""
    usage, run = KeptUsage(), model_run()
    model = guard(ScriptedModel(turns=[ConnectionResetError(), "fine"]), usage=usage)
    with run.as_current(), pytest.raises(ModelCallFailed):
        await ask(model)
    failed = run.failure
    with run.as_current():
        await ask(model)
    assert (type(failed), run.failure) == (ModelUnavailable, None)
    assert [booked.number for booked in usage.attempts] == [1, 2]


async def test_a_call_outside_any_run_is_bounded_and_booked_too() -> None:
    """It belongs to nobody, and its own timeout is the only bound."""
    usage = KeptUsage()
    with pytest.raises(ModelCallFailed):
        await ask(guard(ScriptedModel(turns=[Hang()]), usage=usage, timeout=0.01))
    (booked,) = usage.attempts
    assert (booked.tenant, booked.user_id, booked.run_id, booked.outcome) == ("-", "-", "-", "timeout")


async def test_the_time_of_the_model_is_not_ours() -> None:
    """Waiting for the provider counts as away; reading the pieces of a stream does not."""
    clock = StillClock(0)
    run = model_run(deadline=Deadline(1000.0, clock))

    def late(_: Sequence[Message]) -> str:
        clock.pass_time(2)
        return "one two"

    with run.as_current():
        async for _ in guard(ScriptedModel(turns=[late])).ainvoke_stream(messages=ASKED):
            clock.pass_time(5)
    assert run.away_seconds == 2


async def test_a_model_is_as_quick_as_its_first_word() -> None:
    """How long a stream goes on is up to what was asked, and to whoever reads it."""
    clock, guards = StillClock(0), safeguards()

    def late(_: Sequence[Message]) -> str:
        clock.pass_time(2)
        return "one two"

    with model_run(deadline=Deadline(1000.0, clock)).as_current():
        async for _ in (
            models(safeguards=guards).guard(ScriptedModel(turns=[late]), call=CALL).ainvoke_stream(messages=ASKED)
        ):
            clock.pass_time(5)
    assert guards.limits.latency(str(NAME)) == 2


@pytest.mark.parametrize("stream", [False, True])
async def test_no_answer_outlives_its_attempt(*, stream: bool) -> None:
    """Whoever goes on reading it or not: the provider is hung up on."""
    answer = OpenAnswer()

    def answers(_: Sequence[Message]) -> str:
        Answers.current().add(answer)
        return "done"

    assert await ask(guard(ScriptedModel(turns=[answers])), stream=stream) == "done"
    assert answer.is_closed

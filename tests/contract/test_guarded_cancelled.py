"""A guarded call that is cancelled, at every place it can wait: nothing of it stays behind.

Each test makes the same call again and again, and cancels it one step of the event loop later every time, until the
call is through before it could be cancelled.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from agno.exceptions import ModelProviderError
from agno.models.message import Message

from bullpen.errors import BullpenError
from bullpen.llm import CallSettings, Safeguards
from bullpen.llm.guarded import GuardedModel, guarded
from bullpen.llm.link import Link
from bullpen.llm.ports import ModelName
from bullpen.llm.run import ModelRun
from bullpen.resilience import AdaptiveLimits, RetryBudgets, Slot
from bullpen.resilience.breaker import BreakerPolicy
from bullpen.resilience.gradient import AdaptivePolicy
from bullpen.resilience.local import LocalBreakers
from bullpen.telemetry import Metrics
from tests.stubs.booking import KeptUsage, Purse, meter, model_run
from tests.stubs.scripted import ScriptedModel, Turn

ASKED = [Message(role="user", content="Who?")]
DOWN = ModelProviderError("down", status_code=503)
MOST = 200


async def slowly(_: Sequence[Message]) -> str:
    for _step in range(3):
        await asyncio.sleep(0)
    return "one two three"


async def failing(_: Sequence[Message]) -> Turn:
    await asyncio.sleep(0)
    return DOWN


@dataclass
class Ledger(Purse):
    """A budget that is asked over a wire, and knows what is still reserved."""

    open: set[str] = field(default_factory=set)

    async def reserve(self, **asked: Any) -> str:
        await asyncio.sleep(0)
        name = await super().reserve(**asked)
        self.open.add(name)
        return name

    async def settle(self, reservation: str, *, cost: int) -> None:
        self.open.remove(reservation)
        await super().settle(reservation, cost=cost)
        await asyncio.sleep(0)


@dataclass
class House:
    """A guarded model whose breakers let one probe through at a time, and what must be given back."""

    outside: GuardedModel
    guards: Safeguards
    ledger: Ledger
    usage: KeptUsage
    run: ModelRun

    async def expect_nothing_left(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not any(each["in_flight"] or each["waiting"] for each in self.guards.limits.standings())
        for link in self.outside.chain:
            passage = await self.guards.breakers.enter(str(link.name))
            passage.leave("neutral")
        assert self.ledger.open == set()
        assert len(self.usage.attempts) == self.run.attempts


async def house(*models: ScriptedModel, places: int = 4, **call: Any) -> House:
    metrics = Metrics()
    policy = AdaptivePolicy(floor=places, start=places, ceiling=places)
    guards = Safeguards(
        breakers=LocalBreakers(metrics=metrics, policy=BreakerPolicy(failures=1, open_seconds=0, successes=1000)),
        limits=AdaptiveLimits(metrics=metrics, policy=policy),
        budgets=RetryBudgets(metrics=metrics),
    )
    links = [Link(ModelName("x", each.id), each) for each in models]
    for link in links:
        (await guards.breakers.enter(str(link.name))).leave("failure")
    settings = CallSettings(**{"retries": 0, "retry_delay": 0, "retry_delay_max": 0, **call})
    ledger, usage = Ledger(), KeptUsage()
    outside = guarded(links, call=settings, meter=meter(usage=usage, budget=ledger, safeguards=guards))
    return House(outside, guards, ledger, usage, model_run())


def model(name: str, *turns: Turn) -> ScriptedModel:
    return ScriptedModel(id=name, turns=turns)


CASES: dict[str, Callable[[], Any]] = {
    "plain": lambda: house(model("a", slowly)),
    "retried": lambda: house(model("a", failing, failing, slowly), retries=3),
    "failed over": lambda: house(model("a", failing), model("b", slowly)),
    "failed": lambda: house(model("a", failing), model("b", failing)),
    "hedged": lambda: house(model("a", slowly), model("b", slowly), hedge_after=1e-9),
    "hedged, and one fails": lambda: house(model("a", failing), model("b", slowly), hedge_after=1e-9),
}


async def asked(house: House, *, stream: bool) -> None:
    with house.run.as_current():
        if not stream:
            await house.outside.ainvoke(messages=ASKED)
            return
        async for _ in house.outside.ainvoke_stream(messages=ASKED):
            await asyncio.sleep(0)


async def steps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def cancelled(house: House, *, stream: bool, after: int, again: int | None) -> bool:
    """Whether the call could be cancelled after so many steps; `again` is how many later it is cancelled twice."""
    call = asyncio.create_task(asked(house, stream=stream))
    await steps(after)
    could = call.cancel()
    if again is not None:
        await steps(again)
        call.cancel()
    await asyncio.wait([call])
    if not call.cancelled():
        call.exception()
    return could


@pytest.mark.parametrize("again", [None, 0, 1, 2])
@pytest.mark.parametrize("case", CASES)
async def test_a_cancelled_call_leaves_nothing_behind(case: str, again: int | None, *, stream: bool) -> None:
    """No slot, no probe's place, no reservation, no task; and each attempt is booked. Also when cancelled twice."""
    for after in range(MOST):
        one = await CASES[case]()
        could = await cancelled(one, stream=stream, after=after, again=again)
        await one.expect_nothing_left()
        if not could:
            return
    pytest.fail(f"the call was not through after {MOST} steps")


@pytest.mark.parametrize("waited", range(8))
async def test_a_cancelled_wait_for_a_slot_leaves_nothing_behind(waited: int, *, stream: bool) -> None:
    """In line, in the very step a slot comes free for it, and after it; `waited` is when that is."""
    for after in range(MOST):
        one = await house(model("a", slowly), places=1)
        held = await one.guards.limits.enter("x:a", deadline=one.run.deadline, patience=1)
        call = asyncio.create_task(asked(one, stream=stream))
        asyncio.create_task(freed(held, after=waited))  # noqa: RUF006  # done long before the call
        await steps(after)
        could = call.cancel()
        await asyncio.wait([call])
        await one.expect_nothing_left()
        if not could:
            return
    pytest.fail(f"the call was not through after {MOST} steps")


async def freed(held: Slot, *, after: int) -> None:
    await steps(after)
    held.leave("neutral", latency=0)


@pytest.mark.parametrize("case", CASES)
async def test_a_reader_who_leaves_a_stream_leaves_nothing_behind(case: str) -> None:
    """After any number of words."""
    for words in range(10):
        one = await CASES[case]()
        pieces = one.outside.ainvoke_stream(messages=ASKED)
        assert isinstance(pieces, AsyncGenerator)
        with one.run.as_current():
            try:
                for _ in range(words):
                    await anext(pieces, None)
            except ModelProviderError:
                assert case == "failed"
            await pieces.aclose()
        await one.expect_nothing_left()


async def test_many_calls_at_once_do_not_mix(*, stream: bool) -> None:
    """One guard serves many runs: each has its own attempts, usage and failure, and all is given back."""
    one = await house(model("a", *([slowly, failing] * 25)), model("b", slowly), places=4)
    runs = [model_run(run_id=f"run_{number}") for number in range(50)]

    async def call(run: ModelRun) -> None:
        mine = House(one.outside, one.guards, one.ledger, one.usage, run)
        try:
            await asked(mine, stream=stream)
        except BullpenError:
            pytest.fail("one of ours does not pass through Agno")
        except ModelProviderError:
            assert run.failure is not None
        else:
            assert run.failure is None

    await asyncio.gather(*(call(run) for run in runs))
    for run in runs:
        booked = [each for each in one.usage.attempts if each.run_id == run.run_id]
        assert [each.number for each in booked] == list(range(1, run.attempts + 1))
        assert sum(each.cost for each in booked) == run.cost
    one.run.attempts = sum(run.attempts for run in runs)
    await one.expect_nothing_left()

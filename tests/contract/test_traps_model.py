"""Agno's traps around a model (T1, T10, T11, T16, T18 of the field notes), against both providers' wires.

The real clients talk to the stub provider: the slim one and OpenAI's SDK on OpenAI's chat wire, Anthropic's SDK on
Anthropic's. What a guarded model is held to is the same model without its guard.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from agno.agent import Agent, RunOutput
from agno.models.base import Model
from agno.models.openai import OpenAIChat
from agno.run.agent import RunErrorEvent
from agno.run.base import RunStatus
from pydantic import BaseModel

from bullpen.errors import (
    BullpenError,
    ModelBusy,
    ModelCredentials,
    ModelNonsense,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from bullpen.llm import CallSettings, GuardedModel, Models
from bullpen.llm.clients import Clients
from bullpen.llm.keys import Key
from bullpen.llm.slim import SlimClient
from tests.stubs.behaviour import ANSWER, INPUT_TOKENS, OUTPUT_TOKENS, SECRET
from tests.stubs.booking import KeptUsage, model_run, models
from tests.stubs.upstream import Upstream

KEYS = {"openai": "openai-key-for-tests", "anthropic": "anthropic-key-for-tests"}
SDK = "openai-sdk"


class Verdict(BaseModel):
    word: str
    score: int


async def weather(city: str) -> str:
    """Tells the weather.

    Args:
        city: Where.
    """
    return f"rain in {city}"


@pytest.fixture
def usage() -> KeptUsage:
    return KeptUsage()


@asynccontextmanager
async def house_at(url: str, usage: KeptUsage) -> AsyncIterator[Models]:
    """Models of three providers: OpenAI by the slim client, OpenAI by its SDK, and Anthropic."""
    clients = Clients(chat="sdk")
    client: Any = clients.chat(key=Key(KEYS["openai"]), base_url=f"{url}/v1")
    house = models(
        usage=usage,
        keys=KEYS,
        base_urls={"openai": f"{url}/v1", "anthropic": url},
        providers={SDK: lambda model: OpenAIChat(id=model, async_client=client)},
    )
    yield house
    await house.aclose()
    await clients.aclose()


@pytest.fixture
async def house(upstream: Upstream, usage: KeptUsage) -> AsyncIterator[Models]:
    async with house_at(upstream.url, usage) as house:
        yield house


@pytest.fixture(params=["openai", SDK, "anthropic"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def guard(house: Models, wire: str, model: str, *, timeout: float = 30) -> GuardedModel:
    return house.build(f"{wire}:{model}", call=CallSettings(timeout=timeout, retries=0))


def dressed(schema: Mapping[str, Any], wire: str) -> dict[str, Any]:
    """A schema as its provider wants it, which is what Agno passes on untouched."""
    if wire == "anthropic":
        return {"type": "json_schema", "schema": {**schema, "additionalProperties": False}}
    return {"type": "json_schema", "json_schema": {"name": "verdict", "schema": dict(schema)}}


async def ended(model: Model, *, stream: bool = False, **agent: Any) -> RunOutput | RunErrorEvent:
    """The last thing Agno says of a run: a stream that fails ends in an event, anything else in the run itself."""
    asked = Agent(model=model, telemetry=False, **agent)
    if not stream:
        run: RunOutput = await asked.arun("Hello?", user_id="u", session_id="s")
        return run
    events = [
        event
        async for event in asked.arun(
            "Hello?", user_id="u", session_id="s", stream=True, stream_events=True, yield_run_output=True
        )
    ]
    last = events[-1]
    assert isinstance(last, RunOutput | RunErrorEvent)
    return last


async def finished(model: Model, *, stream: bool = False, **agent: Any) -> RunOutput:
    last = await ended(model, stream=stream, **agent)
    assert isinstance(last, RunOutput)
    return last


def story(run: RunOutput) -> dict[str, Any]:
    """What a caller, and a bill, can see of a run."""
    return {
        "status": run.status,
        "content": run.content,
        "content_type": run.content_type,
        "model": (run.model, run.model_provider),
        "tools": [(tool.tool_name, tool.tool_args, tool.result) for tool in run.tools or ()],
        "roles": [message.role for message in run.messages or ()],
        "details": [(one.provider, one.id) for one in ((run.metrics and run.metrics.details) or {}).get("model", [])],
        "tokens": run.metrics and (run.metrics.input_tokens, run.metrics.output_tokens),
    }


@pytest.mark.parametrize(
    ("model", "agent"),
    [
        ("stub-echo", {}),
        ("stub-tools", {"tools": [weather]}),
        ("stub-schema", {"output_schema": Verdict}),
        ("stub-schema", {"output_schema": "dressed"}),
        ("stub-schema", {"output_schema": Verdict, "use_json_mode": True}),
        ("stub-badschema", {"output_schema": Verdict}),
        ("stub-tools", {"tools": [weather], "output_schema": Verdict}),
    ],
    ids=["plain", "tools", "native-schema", "dict-schema", "json-mode", "bad-schema", "tools-and-schema"],
)
async def test_a_guarded_model_is_the_model_itself(
    house: Models, upstream: Upstream, wire: str, model: str, agent: dict[str, Any], *, stream: bool
) -> None:
    """Agno tells the same story with the guard and without, and the provider is asked the same, byte for byte."""
    if agent.get("output_schema") == "dressed":
        agent = {**agent, "output_schema": dressed(Verdict.model_json_schema(), wire)}
    outside = guard(house, wire, model)
    raw = story(await finished(outside.inner, stream=stream, **agent))
    raw_bodies = [call.body for call in upstream.calls()]
    upstream.reset()
    assert story(await finished(outside, stream=stream, **agent)) == raw
    assert [call.body for call in upstream.calls()] == raw_bodies
    assert raw["status"] is RunStatus.completed


async def test_the_cases_are_what_they_say(house: Models, wire: str, *, stream: bool) -> None:
    """The comparison above compares real answers: text, a tool's result, an instance of the class."""
    plain = await finished(guard(house, wire, "stub"), stream=stream)
    tools = await finished(guard(house, wire, "stub-tools"), stream=stream, tools=[weather])
    schema = await finished(guard(house, wire, "stub-schema"), stream=stream, output_schema=Verdict)
    assert plain.content == ANSWER
    assert str(tools.content).startswith("The tool said: rain in ")
    assert isinstance(schema.content, Verdict)


async def test_a_plain_json_schema_works_on_both_wires(house: Models, wire: str, *, stream: bool) -> None:
    """Agno passes a dict on untouched and each provider wants its own: the guard dresses it."""
    plain = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    run = await finished(guard(house, wire, "stub-schema"), stream=stream, output_schema=plain)
    assert isinstance(run.content, dict)
    assert isinstance(run.content["n"], int)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("stub-400", ModelRejected),
        ("stub-401", ModelCredentials),
        ("stub-404", ModelRejected),
        ("stub-429", ModelBusy),
        ("stub-500", ModelUnavailable),
        ("stub-503", ModelUnavailable),
        ("stub-529", ModelBusy),
        ("stub-hangup", ModelUnavailable),
        ("stub-nonsense", ModelNonsense),
        ("stub-garbage", ModelNonsense),
        ("stub-empty", ModelNonsense),
        ("stub-stall", ModelTimeout),
        ("stub-stall-midstream", ModelTimeout),
    ],
)
async def test_t01_t10_a_failure_is_carried_out_and_tried_once(
    house: Models,
    upstream: Upstream,
    usage: KeptUsage,
    wire: str,
    model: str,
    kind: type[BullpenError],
    *,
    stream: bool,
) -> None:
    """Agno does not raise: its run ends in an error, the failure is in ours, and the provider's words are nowhere.

    The call was made once, by everybody, and booked once.
    """
    run = model_run()
    with run.as_current():
        last = await ended(guard(house, wire, model, timeout=0.3 if "stall" in model else 30), stream=stream)
    assert isinstance(last, RunErrorEvent) if stream else last.status is RunStatus.error  # type: ignore[union-attr] # a run has one
    assert type(run.failure) is kind
    assert SECRET not in f"{last.content}{run.failure}"
    assert len(upstream.calls()) == len(usage.attempts) == 1


async def test_an_answer_that_breaks_off_is_none(
    house: Models, upstream: Upstream, usage: KeptUsage, wire: str, *, stream: bool
) -> None:
    """Though its body ended properly. Words that were handed on are booked, and nothing is tried again after them."""
    run = model_run()
    with run.as_current():
        asked = house.build(f"{wire}:stub-half", call=CallSettings(retries=3 if stream else 0))
        last = await ended(asked, stream=stream)
    assert isinstance(last, RunErrorEvent) if stream else last.status is RunStatus.error  # type: ignore[union-attr] # a run has one
    assert type(run.failure) is (ModelUnavailable if stream else ModelNonsense)
    assert len(upstream.calls()) == len(usage.attempts) == 1
    assert run.output_tokens > 0 or not stream


@pytest.mark.parametrize("status", [429, 529])
async def test_the_provider_says_when_to_come_back(house: Models, wire: str, status: int) -> None:
    """`Retry-After` of the stub's answer, seven seconds, is in our failure."""
    run = model_run()
    with run.as_current():
        await finished(guard(house, wire, f"stub-{status}"))
    assert run.failure is not None
    assert run.failure.retry_after == 7.0


async def test_a_failure_in_the_middle_of_a_stream_costs_what_had_come(
    house: Models, usage: KeptUsage, wire: str
) -> None:
    """The words before it were paid for, by an estimate: the provider had not told yet."""
    run = model_run()
    with run.as_current():
        await ended(guard(house, wire, "stub-error-midstream"), stream=True)
    assert isinstance(run.failure, ModelUnavailable | ModelBusy)
    (booked,) = usage.attempts
    assert (booked.estimated, booked.counted) == (True, False)
    assert booked.input_tokens
    assert booked.output_tokens


async def test_nothing_listens(usage: KeptUsage, wire: str) -> None:
    """A refused connection is an unavailable model, though OpenAI's SDK calls it a timeout."""
    run = model_run()
    async with house_at("http://127.0.0.1:9", usage) as house:
        with run.as_current():
            await finished(guard(house, wire, "stub"))
    assert isinstance(run.failure, ModelUnavailable)
    assert [(booked.cost, booked.outcome) for booked in usage.attempts] == [(0, "error")]


async def test_t11_the_guard_knows_the_real_model(house: Models, usage: KeptUsage, wire: str, *, stream: bool) -> None:
    """What is billed is the model that was called, with the tokens its provider told, in the guard."""
    run = model_run()
    with run.as_current():
        await finished(guard(house, wire, "stub"), stream=stream)
    (booked,) = usage.attempts
    assert str(booked.model) == f"{wire}:stub"
    assert (booked.input_tokens, booked.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)
    assert (booked.estimated, run.model) == (False, "stub")


async def test_t16_a_guarded_agent_never_calls_synchronously(house: Models, upstream: Upstream, wire: str) -> None:
    """Agno's `run` ends in an error, and the provider is not asked."""
    output: RunOutput = Agent(model=guard(house, wire, "stub"), telemetry=False).run("Hello?", session_id="s")
    assert output.status is RunStatus.error
    assert upstream.calls() == []


async def test_t18_the_client_given_is_the_client_used(house: Models, upstream: Upstream, wire: str) -> None:
    """Its key reaches the provider, and Agno makes none of its own; the SDKs' run on aiohttp."""
    outside = guard(house, wire, "stub")
    given = outside.async_client
    await finished(outside)
    (call,) = upstream.calls()
    assert outside.inner.async_client is given  # type: ignore[attr-defined] # both models have one
    assert any(KEYS[wire.removesuffix("-sdk")] in value for value in call.headers.values())
    assert isinstance(given, SlimClient) or type(given._client._transport).__name__ == "AiohttpTransport"
    assert isinstance(given, SlimClient) == (wire == "openai")


async def test_many_calls_at_once_are_not_throttled(house: Models, upstream: Upstream, wire: str) -> None:
    """150 calls are under way together: aiohttp's own limit of 100 connections is lifted."""
    outside = guard(house, wire, "stub-stall")
    tasks = [asyncio.create_task(finished(outside)) for _ in range(150)]
    await asyncio.to_thread(upstream.wait, count=150, stage="arrived", within=30)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


@pytest.mark.parametrize("model", ["stub-stall", "stub-stall-midstream"])
async def test_a_cancelled_call_is_hung_up(
    house: Models, upstream: Upstream, usage: KeptUsage, wire: str, model: str, *, stream: bool
) -> None:
    """The provider sees the connection close, and what was spent until then is booked."""
    task = asyncio.create_task(finished(guard(house, wire, model), stream=stream))
    await asyncio.to_thread(upstream.wait, stage="arrived")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(upstream.wait, stage="disconnected")
    assert [(booked.outcome, booked.counted) for booked in usage.attempts] == [("cancelled", False)]


async def test_p05_a_stream_that_is_closed_is_hung_up_and_booked(
    house: Models, upstream: Upstream, usage: KeptUsage, wire: str
) -> None:
    """A reader that goes away between two words of Agno's stream: the provider sees it, and the words are paid for."""
    agent = Agent(model=guard(house, wire, "stub-stall-midstream"), telemetry=False)
    stream: Any = agent.arun("Hello?", user_id="u", session_id="s", stream=True)
    async with aclosing(stream) as events:
        async for event in events:
            if getattr(event, "content", None):
                break
    await asyncio.to_thread(upstream.wait, stage="disconnected")
    assert [(booked.outcome, booked.counted) for booked in usage.attempts] == [("cancelled", False)]
    assert usage.attempts[0].output_tokens

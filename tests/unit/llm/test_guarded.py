"""The guard: from outside the model itself."""

import copy
from typing import Any

import pytest
from agno.agent import Agent, RunOutput
from agno.metrics import ModelType
from agno.models.anthropic import Claude
from agno.models.base import Model
from agno.models.message import Message
from agno.models.openai import OpenAIChat
from agno.run.base import RunStatus
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall, ChoiceDeltaToolCallFunction

from bullpen.llm import CallSettings, GuardedModel, Preferences
from bullpen.llm.guarded import guarded
from bullpen.llm.link import Link
from bullpen.llm.ports import ModelName
from tests.stubs.booking import KeptUsage, guard, meter
from tests.stubs.scripted import Hang, ScriptedModel, calls

CLAUDE = Claude(id="claude-opus-5-5", api_key="k", thinking={"type": "adaptive"}, max_tokens=5)
OPENAI = OpenAIChat(id="gpt-4o", api_key="k", temperature=0.3, system_prompt="Be brief.", instructions=["Be kind."])
WHOLE = [{"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]


def delta(arguments: str, *, name: str | None = None) -> ChoiceDeltaToolCall:
    function = ChoiceDeltaToolCallFunction(name=name, arguments=arguments)
    return ChoiceDeltaToolCall(index=0, id="1", type="function", function=function)


def chain(*models: Model) -> GuardedModel:
    return guarded([Link(ModelName("x", model.id), model) for model in models], call=CallSettings(), meter=meter())


@pytest.mark.parametrize("inner", [CLAUDE, OPENAI])
def test_agno_sees_the_model_itself(inner: Model) -> None:
    """Its class's name, flags, prompts and dict are the model's; Agno decides by all of them, silently."""
    outside = guard(inner)
    assert type(outside).__name__ == type(inner).__name__
    for name in ("id", "name", "provider", "system_prompt", "instructions", "_tool_choice", "tool_message_role"):
        assert getattr(outside, name) == getattr(inner, name)
    assert outside.supports_native_structured_outputs is inner.supports_native_structured_outputs
    assert outside.supports_json_schema_outputs is inner.supports_json_schema_outputs
    assert outside.get_provider() == inner.get_provider()
    assert outside.to_dict() == inner.to_dict()
    assert outside.get_system_message_for_model([1]) == inner.get_system_message_for_model([1])
    assert outside.get_instructions_for_model() == inner.get_instructions_for_model()


def test_what_only_the_providers_model_has_is_found() -> None:
    """And what nobody has is missing, as on any object."""
    outside: Any = guard(CLAUDE)
    assert outside.thinking == {"type": "adaptive"}
    with pytest.raises(AttributeError):
        _ = outside.no_such_thing


def test_a_copy_is_the_guard_itself() -> None:
    """Agno's copy of a model drops the client it was given."""
    outside = guard(ScriptedModel())
    assert copy.deepcopy(outside) is outside


def test_a_half_made_guard_has_no_inner_model() -> None:
    """Looking an attribute up before there is an inner model ends; it does not recurse."""
    with pytest.raises(AttributeError):
        _ = GuardedModel.__new__(GuardedModel).anything


def test_every_guard_has_a_role_of_its_own() -> None:
    """Agno marks a model with its role: two guards of one model do not share the mark."""
    inner = ScriptedModel()
    main, output = guard(inner), guard(inner)
    output.model_type = ModelType.OUTPUT_MODEL
    assert main.model_type is ModelType.MODEL


@pytest.mark.parametrize("models", [(OPENAI, CLAUDE), (CLAUDE, OPENAI), (OPENAI,)])
def test_streamed_tool_calls_are_joined_by_their_shape(models: tuple[Model, ...]) -> None:
    """Whichever model of a chain sent the pieces, dicts stay and OpenAI's deltas become one call."""
    outside = chain(*models)
    joined = outside.parse_tool_calls([delta('{"a"', name="add"), delta(": 1}")])
    assert joined == [{"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]
    assert outside.parse_tool_calls(WHOLE) == WHOLE


def test_a_call_far_up_is_the_first_all_the_same() -> None:
    """Agno would make a list as long as the number a provider gave, and hold up everybody meanwhile."""
    pieces = [delta("{}", name="add")]
    pieces[0].index = 10**9
    assert chain(OPENAI).parse_tool_calls(pieces) == WHOLE


async def test_a_synchronous_run_is_refused() -> None:
    """It would hold up every other run of the process: Agno's `run` ends in an error that says so."""
    inner = ScriptedModel()
    for call in (guard(inner).invoke, guard(inner).invoke_stream, guard(inner).get_client):
        with pytest.raises(RuntimeError, match="arun"):
            call()
    run: RunOutput = Agent(model=guard(inner), telemetry=False).run("Hi", user_id="u", session_id="s")
    assert run.status is RunStatus.error
    assert inner.asked == []


async def test_tool_loops_go_through_the_guard() -> None:
    """Every turn of the loop is one attempt."""

    async def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    usage = KeptUsage()
    inner = ScriptedModel(turns=[calls("add", a=1, b=2), lambda messages: f"It is {messages[-1].content}."])
    run: RunOutput = await Agent(model=guard(inner, usage=usage), tools=[add], telemetry=False).arun(
        "1 + 2?", user_id="u", session_id="s"
    )
    assert run.content == "It is 3."
    assert len(usage.attempts) == 2


def test_only_the_first_model_of_a_chain_is_seen() -> None:
    """The others wait for the resilience issue, built and in order."""
    outside = chain(OPENAI, CLAUDE)
    assert outside.inner is OPENAI
    assert [link.model for link in outside.chain] == [OPENAI, CLAUDE]
    assert outside.call == CallSettings()


async def test_a_hedge_asks_another_model_also_where_the_first_stands_back() -> None:
    """The order is settled before the two calls begin: never are both of them to the same model."""
    preferences = Preferences()
    preferences.prefer_fallback("x:a")
    slow, standing_back = ScriptedModel(id="b", turns=[Hang()]), ScriptedModel(id="a", turns=["a"])
    usage = KeptUsage()
    links = [Link(ModelName("x", each.id), each) for each in (standing_back, slow)]
    outside = guarded(links, call=CallSettings(hedge_after=0.01), meter=meter(usage=usage, preferences=preferences))
    assert (await outside.ainvoke(messages=[Message(role="user", content="Who?")])).content == "a"
    assert (len(slow.asked), len(standing_back.asked), usage.hedges) == (1, 1, ["x:b"])

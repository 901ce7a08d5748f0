"""The model that needs nothing."""

import json
from typing import Any

import pytest
from agno.agent import Agent, RunOutput
from agno.models.base import Model
from agno.run.base import RunStatus
from agno.team import Team
from agno.tools import Toolkit
from agno.tools.calculator import CalculatorTools
from pydantic import BaseModel, Field

from bullpen.llm.offline import SIGN, OfflineModel
from tests.stubs.booking import KeptUsage, guard


class Analysis(BaseModel):
    summary: str
    confidence: float = Field(ge=0.2, le=1)


CALCULATOR: Toolkit = CalculatorTools()  # type: ignore[no-untyped-call] # Agno's constructor has no types


def agent(model: Model, **others: Any) -> Agent:
    return Agent(model=model, telemetry=False, **others)


async def test_it_says_what_it_is_and_what_it_was_asked() -> None:
    """The answer names the offline model and the way out; so does the model's id."""
    run: RunOutput = await agent(OfflineModel()).arun("Tell me a joke.", user_id="u", session_id="s")
    assert run.status is RunStatus.completed
    assert run.model == "offline"
    assert str(run.content).startswith(SIGN)
    assert "Tell me a joke." in str(run.content)
    assert "OPENAI_API_KEY" in str(run.content)


async def test_a_long_task_is_echoed_briefly() -> None:
    """The echo does not grow with the task."""
    run: RunOutput = await agent(OfflineModel()).arun("word " * 5000, user_id="u", session_id="s")
    assert len(str(run.content)) < 1000


@pytest.mark.parametrize("stream", [False, True])
async def test_a_sum_really_runs_the_calculator(*, stream: bool) -> None:
    """The tool is called by Agno, and the second turn answers with its result; both turns report usage."""
    usage = KeptUsage()
    asked = agent(guard(OfflineModel(), usage=usage), tools=[CALCULATOR])
    run = await finished(asked, "What is 17 * 23?", stream=stream)
    assert [tool.tool_name for tool in run.tools or ()] == ["multiply"]
    assert run.content == f"{SIGN} 17 * 23 = 391 (by the tool multiply)"
    assert [attempt.outcome for attempt in usage.attempts] == ["success", "success"]
    assert all(attempt.input_tokens and attempt.output_tokens for attempt in usage.attempts)
    assert not any(attempt.estimated for attempt in usage.attempts)


async def test_any_function_can_be_tried_with_no_key() -> None:
    """A tool named in the task is called with the JSON beside it, and what it says is told."""

    async def weather(city: str, days: int = 1) -> str:
        """Tells the weather."""
        return f"{days} days of rain in {city}"

    run = await finished(agent(OfflineModel(), tools=[weather]), 'call weather with {"city": "Bern", "days": 2}')
    assert run.content == f"{SIGN} The tool weather answered: 2 days of rain in Bern."


@pytest.mark.parametrize("stream", [False, True])
async def test_a_class_is_filled_in(*, stream: bool) -> None:
    """Agno gets an instance of the pydantic class it asked for."""
    run = await finished(agent(OfflineModel(), output_schema=Analysis), "Analyse.", stream=stream)
    assert isinstance(run.content, Analysis)
    assert run.content.confidence == 0.2


@pytest.mark.parametrize("dressed", [False, True])
async def test_a_schema_is_filled_in(*, dressed: bool) -> None:
    """A dict works too: the plain JSON Schema, or in OpenAI's clothes."""
    schema: dict[str, Any] = Analysis.model_json_schema()
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}} if dressed else schema
    run = await finished(agent(OfflineModel(), output_schema=wanted), "Analyse.")
    assert run.content == {"summary": "offline", "confidence": 0.2}


async def test_json_mode_gets_json() -> None:
    """Where no schema is told, the answer is an object all the same."""
    answer = await OfflineModel().ainvoke(messages=[], response_format={"type": "json_object"})
    assert json.loads(str(answer.content)) == {}


async def test_tools_come_before_the_schema() -> None:
    """With both, the tool is called first and the answer then fits the schema."""
    asked = agent(OfflineModel(), tools=[CALCULATOR], output_schema=Analysis)
    run = await finished(asked, "What is 2 + 2?")
    assert [tool.tool_name for tool in run.tools or ()] == ["add"]
    assert isinstance(run.content, Analysis)


async def test_a_team_leader_answers() -> None:
    """A leader that is offered a delegation tool answers by itself."""
    team = Team(members=[agent(OfflineModel(), name="one")], model=OfflineModel(), telemetry=False)
    run: Any = await team.arun("Hello.", user_id="u", session_id="s")
    assert str(run.content).startswith(SIGN)


async def test_words_are_streamed_one_by_one() -> None:
    """A stream has many pieces, and together they are the whole answer."""
    pieces = [
        str(event.content)
        async for event in agent(OfflineModel()).arun("Hi there.", user_id="u", session_id="s", stream=True)
        if getattr(event, "content", None)
    ]
    assert len(pieces) > 5
    assert "".join(pieces).startswith(f"{SIGN} You asked: Hi there.")


def test_it_is_never_called_synchronously() -> None:
    """As every model here."""
    with pytest.raises(NotImplementedError):
        OfflineModel().invoke()
    with pytest.raises(NotImplementedError):
        OfflineModel().invoke_stream()


async def finished(asked: Agent, task: str, *, stream: bool = False) -> RunOutput:
    if not stream:
        run: RunOutput = await asked.arun(task, user_id="u", session_id="s")
        return run
    events = [
        event
        async for event in asked.arun(
            task, user_id="u", session_id="s", stream=True, stream_events=True, yield_run_output=True
        )
    ]
    assert isinstance(events[-1], RunOutput)
    return events[-1]

"""One run, whole and streamed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from agno.agent import Agent
from agno.models.message import Message
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bullpen.agents import Result, Runner
from bullpen.errors import Cancelled, ModelUnavailable, RunFailed
from bullpen.messages import Delta, Request, ToolStep
from tests.stubs import own
from tests.stubs.scripted import Turn, calls, last
from tests.stubs.stage import caller, stage

# Few letters, so that two names are often alike but for where they part.
PARTS = st.text(alphabet="ab:%3A/@", max_size=4)
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def source(name: str) -> str:
    return f"type: it\nsource: tests.stubs.own:{name}"


class Noting(Agent):
    """An agent that notes whom it is asked for, and does nothing else."""

    def arun(self, *_: Any, **arguments: Any) -> Any:
        self.asked = arguments
        return self._done()

    async def _done(self) -> RunOutput:
        return RunOutput(content="done", status=RunStatus.completed)


async def scopes(tenant: str, user_id: str, session_id: str) -> tuple[str, str]:
    """The user's id and the conversation's, as Agno gets them."""
    agent, request = Noting(), Request(agent_type="it", task="go", session_id=session_id)
    await Runner().run(agent, request=request, caller=caller(user_id, tenant), schema=None)
    return agent.asked["user_id"], agent.asked["session_id"]


def uses(tool: str, messages: Sequence[Message]) -> Turn:
    return "the end" if messages[-1].role == "tool" else calls(tool)


@STREAMED
@pytest.mark.parametrize(("name", "expected"), [("plain", "done"), ("team", "led"), ("steady_flow", "the end")])
async def test_agents_teams_and_workflows_all_answer(
    tmp_path: Path, name: str, expected: str, *, streamed: bool
) -> None:
    """A stream ends in one result, the same as without it."""
    async with stage(tmp_path, source(name)) as it:
        assert str(await it.result("it", streamed=streamed)).strip() == expected


@STREAMED
@pytest.mark.parametrize("name", ["broken_flow", "broken_function_flow"])
async def test_a_workflow_with_a_failed_step_has_failed(tmp_path: Path, name: str, *, streamed: bool) -> None:
    """Trap T12: Agno skips the step, lets the next one answer and says completed."""
    async with stage(tmp_path, source(name)) as it:
        with pytest.raises(RunFailed) as raised:
            await it.result("it", streamed=streamed)
    assert own.SECRET not in raised.value.detail


@STREAMED
async def test_a_team_outlives_a_failing_member(tmp_path: Path, *, streamed: bool) -> None:
    """The leader is told and decides; what counts is whether it answers."""
    async with stage(tmp_path, source("team_with_a_failing_member")) as it:
        assert str(await it.result("it", streamed=streamed)).strip() == "managed without"


@STREAMED
@pytest.mark.parametrize("name", ["cancels", "cancelled_flow"])
async def test_a_cancelled_run_is_no_success(tmp_path: Path, name: str, *, streamed: bool) -> None:
    """Trap T13: a stream of Agno's says cancelled and then completed."""
    async with stage(tmp_path, source(name)) as it:
        with pytest.raises(Cancelled):
            await (it.stream("it", run_id="r-cancel") if streamed else it.run("it", run_id="r-cancel"))


async def test_a_stream_tells_words_and_tools_as_they_come(tmp_path: Path) -> None:
    """In order, the words joining up to the result; arguments and results of tools stay inside."""
    tools = "who: {function: 'tests.stubs.own:who'}"
    async with stage(tmp_path, "type: it\ntools: [who]", tools=tools, script=lambda m: uses("who", m)) as it:
        first, second, *words, result = await it.stream("it")
    assert first == ToolStep(tool="who", call_id=first.call_id, status="started")
    assert second == ToolStep(tool="who", call_id=first.call_id, status="completed")
    assert [type(word) for word in words] == [Delta, Delta]
    assert result == Result("".join(word.text for word in words))


async def test_a_failed_tool_is_told_to_the_model_and_as_a_step(tmp_path: Path) -> None:
    """The model may find another way: a tool's failure is not the run's."""
    tools = "fail: {function: 'tests.stubs.own:fail'}"
    async with stage(tmp_path, "type: it\ntools: [fail]", tools=tools, script=lambda m: uses("fail", m)) as it:
        steps = await it.stream("it")
    assert [step.status for step in steps if isinstance(step, ToolStep)] == ["started", "failed"]
    assert own.SECRET not in repr(steps)


async def test_a_workflows_result_is_told_as_one_delta(tmp_path: Path) -> None:
    """What its steps say among themselves is not its answer."""
    async with stage(tmp_path, source("steady_flow")) as it:
        steps = await it.stream("it")
    assert [type(step) for step in steps] == [Delta, Result]


async def test_the_context_is_shown_to_the_model(tmp_path: Path) -> None:
    """Beside the task, whose own braces stay as they are."""
    async with stage(tmp_path, "type: it", script=last) as it:
        answer = str(await it.run("it", "Use {braces}", context={"order": {"number": 4711}}))
    assert "Use {braces}" in answer
    assert "4711" in answer


async def test_the_context_cannot_stand_in_for_an_agents_own_dependencies(tmp_path: Path) -> None:
    """Nor does it bring them before the model: they may be secrets, or steer the instructions."""
    async with stage(tmp_path, source("dependent")) as it:
        assert await it.run("it", "go", context={"rate": "mine"}) == "go"


@given(one=st.tuples(PARTS, PARTS, PARTS), other=st.tuples(PARTS, PARTS, PARTS))
@example(one=("a", "b:c", "s"), other=("a:b", "c", "s"))
@example(one=("a", "b:c", "s"), other=("a", "b", "c:s"))
@example(one=("a", "b:c", "s"), other=("a", "b%3Ac", "s"))
async def test_no_two_callers_come_out_alike(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    """Trap T4: Agno keeps memories and conversations by these ids alone, and names may hold what parts them."""
    assume(one != other)
    (user_id, session_id), (other_user_id, other_session_id) = await scopes(*one), await scopes(*other)
    assert session_id != other_session_id
    assert (user_id == other_user_id) == (one[:2] == other[:2])


async def test_a_cancelled_task_stops_the_model_call(tmp_path: Path) -> None:
    """At once, and as a cancellation: nobody waits for a cancelled answer."""
    started = asyncio.Event()

    async def script(_: Sequence[Message]) -> str:
        started.set()
        await asyncio.Event().wait()
        return "never"

    async with stage(tmp_path, "type: it", script=script) as it:
        run = asyncio.create_task(it.run("it"))
        await started.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run


@STREAMED
async def test_a_model_that_cannot_be_reached_is_told_as_the_guard_found_it(tmp_path: Path, *, streamed: bool) -> None:
    """Agno would have turned the exception into text by then."""

    def script(_: Sequence[Message]) -> str:
        raise ConnectionRefusedError(own.SECRET)

    async with stage(tmp_path, "type: it", script=script) as it:
        with pytest.raises(ModelUnavailable):
            await it.result("it", streamed=streamed)


async def test_what_agno_raises_outright_becomes_a_failed_run(tmp_path: Path) -> None:
    """Some mistakes it does raise, before the run begins; the text may hold the task."""
    code = (
        "from agno.agent import Agent\n"
        "from tests.stubs.own import Verdict\n"
        "from tests.stubs.scripted import ScriptedModel\n"
        "strict = Agent(model=ScriptedModel(), input_schema=Verdict)\n"
    )
    async with stage(tmp_path, "type: it\nsource: strict_input:strict", code={"strict_input": code}) as it:
        with pytest.raises(RunFailed) as raised:
            await it.run("it", own.SECRET)
    assert own.SECRET not in raised.value.detail


@STREAMED
async def test_a_tool_that_cancels_itself_fails_the_run(tmp_path: Path, *, streamed: bool) -> None:
    """Nobody hung up: taken for a hang-up it would be no error of anybody's."""
    tools = "gives_up: {function: 'tests.stubs.own:gives_up'}"
    async with stage(tmp_path, "type: it\ntools: [gives_up]", tools=tools, script=lambda m: uses("gives_up", m)) as it:
        with pytest.raises(RunFailed):
            await it.result("it", streamed=streamed)

"""The story: who may, in time, and what comes out."""

import asyncio
from pathlib import Path

import pytest

from bullpen.errors import (
    DeadlineExceeded,
    Forbidden,
    InvalidRequest,
    ModelUnavailable,
    ResultMismatch,
    UnknownAgent,
)
from bullpen.messages import Delta, Done, Json, Request, Started, ToolStep
from tests.stubs.house import ANN, GUEST, house, soon
from tests.stubs.scripted import INPUT_TOKENS, OUTPUT_TOKENS, Hang, ScriptedModel

SHUT = {"type": "shut", "permission": "agent:execute:advanced"}


async def test_an_answer_says_who_worked_and_what_it_cost(tmp_path: Path) -> None:
    """The answer carries the result, the lane, the model, the ids, the tokens and the times."""
    async with house(tmp_path, ScriptedModel(turns=["hello"])) as works:
        request = Request(agent_type="actor", task="greet")
        answer = await works.execution.execute(request, ANN, deadline=soon())
    assert answer.result == "hello"
    assert answer.agent_name == "actor_0"
    assert (answer.run_id, answer.session_id) == (request.run_id, request.session_id)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)
    assert 0 <= answer.overhead <= answer.duration
    assert 0 <= answer.queue_wait <= answer.duration


async def test_an_unknown_agent_names_those_the_caller_may_use(tmp_path: Path) -> None:
    """The refusal lists what is there for this caller, and nothing else."""
    async with house(tmp_path, ScriptedModel(turns=[]), {"type": "open"}, SHUT) as works:
        with pytest.raises(UnknownAgent) as caught:
            await works.execution.execute(Request(agent_type="opne", task="x"), GUEST, deadline=soon())
    assert "open" in caught.value.detail
    assert "shut" not in caught.value.detail


async def test_an_agent_that_needs_more_is_forbidden(tmp_path: Path) -> None:
    """A role without the agent's permission is refused before any model is called."""
    model = ScriptedModel(turns=[])
    async with house(tmp_path, model, SHUT) as works:
        with pytest.raises(Forbidden, match="agent:execute:advanced"):
            await works.execution.execute(Request(agent_type="shut", task="x"), GUEST, deadline=soon())
        assert works.execution.agents(GUEST) == []
        assert [each.type for each in works.execution.agents(ANN)] == ["shut"]
    assert model.asked == []


async def test_a_run_that_outlives_its_deadline_is_stopped(tmp_path: Path) -> None:
    """The request's own timeout ends the model call, frees the lane and is told as a deadline."""
    model = ScriptedModel(turns=[Hang(), "next"])
    async with house(tmp_path, model, max_concurrent_agents=1) as works:
        late = Request(agent_type="actor", task="x", timeout=0.1)
        with pytest.raises(DeadlineExceeded):
            await works.execution.execute(late, ANN, deadline=soon())
        answer = await works.execution.execute(Request(agent_type="actor", task="x"), ANN, deadline=soon())
    assert answer.result == "next"


async def test_the_shorter_of_two_deadlines_holds(tmp_path: Path) -> None:
    """A request cannot ask for more time than its door allows."""
    async with house(tmp_path, ScriptedModel(turns=[Hang()])) as works:
        patient = Request(agent_type="actor", task="x", timeout=1000)
        with pytest.raises(DeadlineExceeded):
            await works.execution.execute(patient, ANN, deadline=soon(0.1))


async def test_a_failure_is_raised_and_counted_once(tmp_path: Path) -> None:
    """A model's failure leaves as its own kind, never as an answer, and is one error in the metrics."""
    async with house(tmp_path, ScriptedModel(turns=[ConnectionError("private")])) as works:
        with pytest.raises(ModelUnavailable) as caught:
            await works.execution.execute(Request(agent_type="actor", task="x"), ANN, deadline=soon())
        text = works.metrics.render().decode()
    assert "private" not in caught.value.detail
    assert 'bullpen_errors_total{agent_type="actor",error_type="model_unavailable"} 1.0' in text
    assert 'bullpen_agent_requests_total{agent_type="actor",model="scripted",status="error"} 1.0' in text
    assert 'status="success"' not in text


async def test_a_success_is_counted_once(tmp_path: Path) -> None:
    """One run is one request, one completion of its category, and one duration."""
    agent = {"type": "actor", "task_category": "greeting"}
    async with house(tmp_path, ScriptedModel(turns=["hello"]), agent) as works:
        await works.execution.execute(Request(agent_type="actor", task="x"), ANN, deadline=soon())
        text = works.metrics.render().decode()
    assert 'bullpen_agent_requests_total{agent_type="actor",model="scripted",status="success"} 1.0' in text
    assert 'bullpen_successful_completions_total{agent_type="actor",task_category="greeting"} 1.0' in text
    assert 'bullpen_agent_request_duration_seconds_count{agent_type="actor",model="scripted"} 1.0' in text


async def test_a_stream_begins_with_started_and_ends_with_done(tmp_path: Path) -> None:
    """The deltas between them add up to the result."""
    async with house(tmp_path, ScriptedModel(turns=["one two three"])) as works:
        stream = works.execution.stream(Request(agent_type="actor", task="x"), ANN, deadline=soon())
        events = [event async for event in stream]
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Done)
    assert "".join(event.text for event in events if isinstance(event, Delta)) == events[-1].answer.result
    assert not [event for event in events if isinstance(event, ToolStep)]


async def test_a_stream_that_is_closed_early_frees_its_lane(tmp_path: Path) -> None:
    """Who stops listening holds nothing."""
    async with house(tmp_path, ScriptedModel(turns=[Hang(before="so"), "next"]), max_concurrent_agents=1) as works:
        stream = works.execution.stream(Request(agent_type="actor", task="x"), ANN, deadline=soon())
        assert isinstance(await anext(stream), Started)
        assert await anext(stream) == Delta("so")
        await stream.aclose()
        answer = await works.execution.execute(Request(agent_type="actor", task="x"), ANN, deadline=soon())
    assert answer.agent_name == "actor_0"


async def test_a_cancelled_run_frees_its_lane_at_once(tmp_path: Path) -> None:
    """Cancelling the caller's task ends the model call."""
    hang = Hang()
    async with house(tmp_path, ScriptedModel(turns=[hang, "next"]), max_concurrent_agents=1) as works:
        run = asyncio.create_task(works.execution.execute(Request(agent_type="actor", task="x"), ANN, deadline=soon()))
        await hang.started.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        answer = await works.execution.execute(Request(agent_type="actor", task="x"), ANN, deadline=soon())
    assert answer.result == "next"


async def test_a_result_must_match_the_requests_schema(tmp_path: Path) -> None:
    """A request's schema makes an object of the answer, and an error of one that does not fit."""
    schema: dict[str, Json] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    model = ScriptedModel(turns=['{"n": 3}', '{"n": "three"}'])
    async with house(tmp_path, model) as works:
        request = Request(agent_type="actor", task="x", output_schema=schema)
        answer = await works.execution.execute(request, ANN, deadline=soon())
        with pytest.raises(ResultMismatch):
            await works.execution.execute(request, ANN, deadline=soon())
    assert answer.result == {"n": 3}


async def test_a_schema_that_is_none_is_refused_before_the_run(tmp_path: Path) -> None:
    """A request's schema is checked at the door, and its place is named."""
    async with house(tmp_path, ScriptedModel(turns=[])) as works:
        request = Request(agent_type="actor", task="x", output_schema={"type": "thing"})
        with pytest.raises(InvalidRequest) as caught:
            await works.execution.execute(request, ANN, deadline=soon())
    assert caught.value.fields[0].path.startswith("output_schema")

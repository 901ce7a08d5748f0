"""The story: who may, in time, and what comes out."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bullpen.agents import Runner
from bullpen.bootstrap import Crew
from bullpen.errors import (
    DeadlineExceeded,
    Forbidden,
    InvalidRequest,
    ModelUnavailable,
    PoolExhausted,
    ResultMismatch,
    Unexpected,
    UnknownAgent,
)
from bullpen.execution import Execution
from bullpen.messages import Delta, Done, Json, Request, Started, ToolStep
from bullpen.pool import Pool, Pressure
from bullpen.resilience import Deadline
from tests.stubs.clock import StillClock
from tests.stubs.house import ANN, GUEST, house, soon
from tests.stubs.scripted import INPUT_TOKENS, OUTPUT_TOKENS, Hang, ScriptedModel

SHUT = {"type": "shut", "permission": "agent:execute:advanced"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a pool was asked for."""

    agent_type: str
    tenant: str
    priority: int
    deadline: Deadline


class Turnstile:
    """A pool that writes down who comes, and lets nobody in."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def lane(self, agent_type: str, *, tenant: str, priority: int, deadline: Deadline) -> NoReturn:
        self.asked.append(Asked(agent_type=agent_type, tenant=tenant, priority=priority, deadline=deadline))
        raise PoolExhausted("Nobody comes in.")

    lanes = 0

    def resize(self, lanes: int) -> None:
        raise AssertionError

    def bound(self, lanes: int | None) -> None:
        raise AssertionError

    def pressure(self) -> Pressure:
        return Pressure(waiting=0, longest_wait=0.0, in_use=0, lanes=0, rate=0.0)

    def statistics(self) -> dict[str, Any]:
        return {}


class Deaf(Runner):
    """Answers when it is cancelled."""

    async def run(self, *_: Any, **__: Any) -> Json:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "late"


class Hasty(Runner):
    """Gives up of its own accord."""

    async def run(self, *_: Any, **__: Any) -> Json:
        raise TimeoutError


class Slow(Runner):
    """Says one word, and takes its time to stop."""

    stopped = False

    async def stream(self, *_: Any, **__: Any) -> AsyncGenerator[Delta]:
        try:
            yield Delta("so")
        finally:
            await asyncio.sleep(0)
            self.stopped = True


def told_by(works: Crew, *, runner: Runner | None = None, pool: Pool | None = None) -> Execution:
    """The story of this house with another runner or pool."""
    return Execution(
        catalogue=works.catalogue,
        pool=pool or works.pool,
        runner=runner or Runner(),
        authority=works.authority,
        audit=works.audit,
        metrics=works.metrics,
    )


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


@pytest.mark.parametrize(("timeout", "left"), [(None, 20), (3, 3), (1000, 20)])
async def test_the_shorter_of_two_deadlines_holds(tmp_path: Path, timeout: float | None, left: float) -> None:
    """A request may ask for less time than its door allows, never for more; and waiting for a lane is part of it."""
    async with house(tmp_path, ScriptedModel()) as works:
        pool = Turnstile()
        request = Request(agent_type="actor", task="x", timeout=timeout)
        with pytest.raises(PoolExhausted):
            await told_by(works, pool=pool).execute(request, ANN, deadline=Deadline.after(20, clock=StillClock()))
    assert [asked.deadline.remaining() for asked in pool.asked] == [left]


async def test_the_pool_is_told_whom_a_lane_is_for(tmp_path: Path) -> None:
    """Fairness and order are the pool's to decide, by the caller's tenant and the request's priority."""
    async with house(tmp_path, ScriptedModel()) as works:
        pool = Turnstile()
        with pytest.raises(PoolExhausted):
            await told_by(works, pool=pool).execute(
                Request(agent_type="actor", task="x", priority=1), ANN, deadline=soon()
            )
    assert [(asked.agent_type, asked.tenant, asked.priority) for asked in pool.asked] == [("actor", "acme", 1)]


async def test_t13_an_answer_that_swallowed_its_cancellation_is_late_all_the_same(tmp_path: Path) -> None:
    """Agno may turn the cancellation of its run into an ordinary end: no answer comes out after the deadline."""
    async with house(tmp_path, ScriptedModel()) as works:
        story = told_by(works, runner=Deaf())
        with pytest.raises(DeadlineExceeded):
            await story.execute(Request(agent_type="actor", task="x", timeout=0.05), ANN, deadline=soon())
        assert works.pool.statistics()["agent_types"]["actor"]["active"] == 0


async def test_a_timeout_of_somebody_elses_is_not_the_deadline(tmp_path: Path) -> None:
    """Code inside the run may raise TimeoutError for reasons of its own: that is a defect, not a late answer."""
    async with house(tmp_path, ScriptedModel()) as works:
        with pytest.raises(Unexpected):
            await told_by(works, runner=Hasty()).execute(Request(agent_type="actor", task="x"), ANN, deadline=soon())


async def test_a_run_that_outlives_its_deadline_is_stopped(tmp_path: Path) -> None:
    """The request's own timeout ends the model call, frees the lane and is told as a deadline."""
    model = ScriptedModel(turns=[Hang(), "next"])
    async with house(tmp_path, model, max_concurrent_agents=1) as works:
        late = Request(agent_type="actor", task="x", timeout=0.1)
        with pytest.raises(DeadlineExceeded):
            await works.execution.execute(late, ANN, deadline=soon())
        answer = await works.execution.execute(Request(agent_type="actor", task="x"), ANN, deadline=soon())
    assert answer.result == "next"


async def test_a_failure_is_raised_and_counted_once(tmp_path: Path) -> None:
    """A model's failure leaves as its own kind, never as an answer, and is one error in the metrics."""
    async with house(tmp_path, ScriptedModel(turns=[ConnectionError("private")])) as works:
        with pytest.raises(ModelUnavailable) as caught:
            await works.execution.execute(Request(agent_type="actor", task="x"), ANN, deadline=soon())
        text = works.metrics.render().decode()
    assert "private" not in caught.value.detail
    assert 'bullpen_errors_total{agent_type="actor",error_type="model_unavailable"} 1.0' in text
    assert 'bullpen_agent_requests_total{agent_type="actor",model="scripted",status="error"} 1.0' in text
    assert 'bullpen_agent_requests_total{agent_type="actor",model="scripted",status="success"} 0.0' in text


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


async def test_a_lane_is_not_given_back_before_its_agent_has_stopped(tmp_path: Path) -> None:
    """Closing the stream closes the run inside it first, and waits for that."""
    runner = Slow()
    async with house(tmp_path, ScriptedModel()) as works:
        stream = told_by(works, runner=runner).stream(Request(agent_type="actor", task="x"), ANN, deadline=soon())
        assert isinstance(await anext(stream), Started)
        assert await anext(stream) == Delta("so")
        await stream.aclose()
        assert runner.stopped


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

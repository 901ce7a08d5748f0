"""Tasks of one caller in one prompt."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agno.models.message import Message

from bullpen.bootstrap import Crew
from bullpen.caller import Caller
from bullpen.errors import BullpenError, DeadlineExceeded, ModelUnavailable, ResultMismatch
from bullpen.messages import Answer, Delta, Done, Json, Request, Started
from tests.stubs.house import ANN, house, soon
from tests.stubs.scripted import INPUT_TOKENS, OUTPUT_TOKENS, Hang, ScriptedModel, Turn

WORDS = {"type": "array", "items": {"type": "string"}}
SORTER = {"type": "sorter", "batch": "prompt", "output_schema": WORDS, "retries": 0}
BEN = replace(ANN, user_id="ben")


def tasks_in(messages: Sequence[Message]) -> list[str]:
    return re.findall(r"^Task \d+\n(.*)$", str(messages[-1].content), re.MULTILINE)


def shout(messages: Sequence[Message]) -> Turn:
    """Every task in capitals, wrapped as providers are asked to."""
    return json.dumps({"results": [task.upper() for task in tasks_in(messages)]})


def short(messages: Sequence[Message]) -> Turn:
    """One result too few, unless there is one task only."""
    tasks = [task.upper() for task in tasks_in(messages)]
    return json.dumps(tasks[: max(1, len(tasks) - 1)])


@asynccontextmanager
async def sorter(folder: Path, model: ScriptedModel, **settings: Any) -> AsyncIterator[Crew]:
    async with house(folder, model, SORTER, **{"batch": {"size": 3, "wait": 0.01}, **settings}) as works:
        yield works


async def ask(works: Crew, *tasks: str, by: Caller = ANN, **fields: Any) -> list[Answer | BullpenError]:
    asked = (
        works.execution.execute(Request(agent_type="sorter", task=task, **fields), by, deadline=soon())
        for task in tasks
    )
    return await asyncio.gather(*asked, return_exceptions=True)  # type: ignore[return-value] # nothing else is raised


def results(answers: Sequence[Answer | BullpenError]) -> list[Json]:
    return [answer.result if isinstance(answer, Answer) else answer.kind for answer in answers]


async def test_tasks_that_come_together_are_one_call(tmp_path: Path) -> None:
    """Each has its own result and run; four of them are a full prompt and one more."""
    model = ScriptedModel(turns=[shout])
    async with sorter(tmp_path, model) as works:
        answers = await ask(works, "a", "b", "c", "d")
    assert results(answers) == ["A", "B", "C", "D"]
    assert [tasks_in(asked.messages) for asked in model.asked] == [["a", "b", "c"], ["d"]]
    assert len({answer.run_id for answer in answers if isinstance(answer, Answer)}) == 4


async def test_a_task_with_little_time_does_not_spend_it_waiting_for_company(tmp_path: Path) -> None:
    """Alone, with less time than others are waited for, it is answered all the same."""
    async with sorter(tmp_path, ScriptedModel(turns=[shout]), batch={"size": 3, "wait": 60}) as works:
        assert results(await ask(works, "a", timeout=4)) == ["A"]


async def test_what_was_used_is_divided(tmp_path: Path) -> None:
    """To the last token: the sum of the shares is what was booked."""
    async with sorter(tmp_path, ScriptedModel(turns=[shout])) as works:
        answers = await ask(works, "a", "b", "c")
    used = [answer.usage for answer in answers if isinstance(answer, Answer)]
    assert sum(each.input_tokens for each in used) == INPUT_TOKENS
    assert sum(each.output_tokens for each in used) == OUTPUT_TOKENS
    assert max(each.input_tokens for each in used) - min(each.input_tokens for each in used) <= 1


@pytest.mark.parametrize("answer", [short, '{"results": "none"}', "no list at all"], ids=["count", "shape", "prose"])
async def test_a_wrong_list_is_taken_apart(tmp_path: Path, answer: Any) -> None:
    """Nobody can tell whose results these are: each task is then done alone."""

    def wrong_together(messages: Sequence[Message]) -> Turn:
        return shout(messages) if len(tasks_in(messages)) == 1 else (answer(messages) if callable(answer) else answer)

    model = ScriptedModel(turns=[wrong_together])
    async with sorter(tmp_path, model) as works:
        assert results(await ask(works, "a", "b", "c")) == ["A", "B", "C"]
    assert sorted(len(tasks_in(asked.messages)) for asked in model.asked) == [1, 1, 1, 3]


async def test_one_bad_task_spoils_no_other(tmp_path: Path) -> None:
    """Taken apart, it fails alone."""

    def fails_on_b(messages: Sequence[Message]) -> Turn:
        return "no" if "b" in tasks_in(messages) else shout(messages)

    async with sorter(tmp_path, ScriptedModel(turns=[fails_on_b])) as works:
        assert results(await ask(works, "a", "b", "c")) == ["A", ResultMismatch.kind, "C"]


async def test_a_failure_is_everybodys(tmp_path: Path) -> None:
    """A model that is away is away for each of them, and is not called once for each."""
    model = ScriptedModel(turns=[ConnectionResetError()])
    async with sorter(tmp_path, model) as works:
        assert results(await ask(works, "a", "b", "c")) == [ModelUnavailable.kind] * 3
    assert len(model.asked) == 1


async def test_callers_are_not_mixed(tmp_path: Path) -> None:
    """What one of them asks, no other one's prompt shows."""
    model = ScriptedModel(turns=[shout])
    async with sorter(tmp_path, model) as works:
        mine, theirs = await asyncio.gather(ask(works, "a", "b"), ask(works, "c", "d", by=BEN))
    assert (results(mine), results(theirs)) == (["A", "B"], ["C", "D"])
    assert sorted(tasks_in(asked.messages) for asked in model.asked) == [["a", "b"], ["c", "d"]]


async def test_a_context_of_its_own_is_not_mixed(tmp_path: Path) -> None:
    """It goes alone, at once, and its result is one item all the same."""
    model = ScriptedModel(turns=[shout])
    async with sorter(tmp_path, model, batch={"size": 3, "wait": 60}) as works:
        (answer,) = await ask(works, "a", context={"colour": "red"})
    assert isinstance(answer, Answer)
    assert len(model.asked) == 1


async def test_a_schema_of_its_own_is_the_callers(tmp_path: Path) -> None:
    """Such a request is not batched, and its result is whole."""
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    async with sorter(tmp_path, ScriptedModel(turns=['{"word": "A"}']), batch={"size": 3, "wait": 60}) as works:
        assert results(await ask(works, "a", output_schema=schema)) == [{"word": "A"}]


async def test_a_stream_tells_the_same(tmp_path: Path) -> None:
    """It has no words before the result, for they would be everybody's."""
    async with sorter(tmp_path, ScriptedModel(turns=[shout])) as works:
        request = Request(agent_type="sorter", task="a")
        told = [each async for each in works.execution.stream(request, ANN, deadline=soon())]
    assert [type(each) for each in told] == [Started, Done]
    assert not any(isinstance(each, Delta) for each in told)
    assert isinstance(told[-1], Done)
    assert told[-1].answer.result == "A"


async def test_who_is_out_of_time_leaves_the_others(tmp_path: Path) -> None:
    """The call goes on for those who can wait."""
    hang = Hang(after=json.dumps(["A", "B", "C"]))
    async with sorter(tmp_path, ScriptedModel(turns=[hang])) as works:

        async def one(task: str, timeout: float | None) -> Answer:
            request = Request(agent_type="sorter", task=task, timeout=timeout)
            return await works.execution.execute(request, ANN, deadline=soon())

        hasty = asyncio.ensure_future(one("a", 0.2))
        others = [asyncio.ensure_future(one(task, None)) for task in "bc"]
        await hang.started.wait()
        with pytest.raises(DeadlineExceeded):
            await hasty
        hang.release.set()
        assert [(await each).result for each in others] == ["B", "C"]


async def test_the_wait_for_others_is_waiting(tmp_path: Path) -> None:
    """It is neither the model's time nor what Bullpen adds."""
    async with sorter(tmp_path, ScriptedModel(turns=[shout]), batch={"size": 3, "wait": 0.2}) as works:
        (answer,) = await ask(works, "a")
    assert isinstance(answer, Answer)
    assert answer.queue_wait >= 0.19
    assert answer.overhead < 0.19

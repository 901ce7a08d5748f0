"""The user's hooks, failing closed."""

import inspect
from typing import Any

import pytest
from agno.exceptions import CheckTrigger, InputCheckError, OutputCheckError
from agno.run.agent import RunInput

from bullpen.agents.failclosed import fail_closed
from bullpen.errors import GuardrailRefused
from tests.stubs import booking, own

INPUT = RunInput(input_content="x")


async def test_a_broken_guardrail_refuses_and_a_working_one_is_heard() -> None:
    """Its own refusal keeps its text; Agno needs it as it is."""
    with pytest.raises(InputCheckError, match="Defective failed"):
        await fail_closed(own.Defective(), refusal=InputCheckError).async_check(INPUT)
    with pytest.raises(InputCheckError, match=own.SECRET):
        await fail_closed(own.Strict(), refusal=InputCheckError).async_check(INPUT)


async def test_a_broken_function_refuses_whether_it_is_awaited_or_not() -> None:
    """Before the model with the one exception Agno heeds, after it with the other."""

    def broken(_: Any) -> None:
        raise ZeroDivisionError

    async def broken_later(_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(OutputCheckError):
        fail_closed(broken, refusal=OutputCheckError)(INPUT)
    with pytest.raises(InputCheckError):
        await fail_closed(broken_later, refusal=InputCheckError)(INPUT)


async def test_a_function_that_refuses_or_passes_is_left_alone() -> None:
    """What it returns and what it meant to raise come through."""

    async def passes(value: int) -> int:
        return value

    def refuses(_: Any) -> None:
        raise InputCheckError("no", check_trigger=CheckTrigger.OFF_TOPIC)

    assert await fail_closed(passes, refusal=InputCheckError)(7) == 7
    with pytest.raises(InputCheckError, match="no"):
        fail_closed(refuses, refusal=OutputCheckError)(INPUT)


def test_a_wrapped_hook_looks_the_same_and_is_wrapped_once() -> None:
    """Agno reads its signature to know what to pass, and agents are built more than once."""

    async def hook(run_input: RunInput, session: object) -> None:
        """Nothing."""

    once = fail_closed(hook, refusal=InputCheckError)
    assert list(inspect.signature(once).parameters) == ["run_input", "session"]
    assert inspect.iscoroutinefunction(once)
    assert fail_closed(once, refusal=InputCheckError) is once
    strict = fail_closed(own.Strict(), refusal=InputCheckError)
    assert fail_closed(strict, refusal=InputCheckError) is strict


async def test_a_refusal_is_left_in_the_run_and_a_breakdown_is_not() -> None:
    """The caller can do something about the one, and nothing about the other."""
    with booking.model_run(agent_type="it").as_current() as refused, pytest.raises(InputCheckError):
        await fail_closed(own.Strict(), refusal=InputCheckError).async_check(INPUT)
    assert isinstance(refused.failure, GuardrailRefused)
    assert refused.failure.detail == "A guardrail of the agent `it` refused the input. Change the task."
    with booking.model_run().as_current() as broken, pytest.raises(InputCheckError):
        await fail_closed(own.Defective(), refusal=InputCheckError).async_check(INPUT)
    assert broken.failure is None


def test_a_hook_that_wants_to_end_the_process_is_broken() -> None:
    """It would take the server with it."""
    with pytest.raises(OutputCheckError):
        fail_closed(lambda _: own.exits(), refusal=OutputCheckError)(INPUT)

"""Tool calls, timed and counted."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bullpen.agents.metering import ToolHook
from bullpen.llm.run import ModelRun
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics
from tests.stubs import own
from tests.stubs.clock import StillClock


def run(clock: StillClock) -> ModelRun:
    return ModelRun(
        run_id="r", session_id="s", tenant="t", user_id="u", agent_type="a", deadline=Deadline.after(60, clock=clock)
    )


def count(metrics: Metrics, tool: str, status: str) -> float | None:
    return metrics.registry.get_sample_value("bullpen_tool_calls_total", {"tool": tool, "status": status})


async def test_a_calls_time_is_the_runs_time_away() -> None:
    """Of a function and of a coroutine function alike."""
    clock, metrics = StillClock(), Metrics()
    hook = ToolHook(metrics, names={"add"})

    def add(a: int) -> int:
        clock.pass_time(2)
        return a

    async def later(a: int) -> int:
        await asyncio.sleep(0)
        clock.pass_time(3)
        return a

    with run(clock).as_current() as current:
        assert hook("add", add, {"a": 1}) == 1
        assert await hook("add", later, {"a": 2}) == 2
    assert current.away_seconds == 5
    assert count(metrics, "add", "success") == 2


async def test_a_failure_is_counted_and_goes_on_its_way() -> None:
    """Agno tells the model; the hook only looks."""
    metrics = Metrics()
    hook = ToolHook(metrics, names={"add"})

    def fails(**_: Any) -> None:
        raise ValueError

    async def fails_later(**_: Any) -> None:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        hook("add", fails, {})
    with pytest.raises(ValueError, match=r"^$"):
        await hook("add", fails_later, {})
    assert count(metrics, "add", "error") == 2


async def test_a_tool_that_wants_to_end_the_process_only_fails() -> None:
    """Left alone it would end the server, for a tool in a thread as well as for one on the loop."""

    async def exits_later() -> None:
        raise SystemExit(3)

    hook = ToolHook(Metrics(), names={"exits"})
    with pytest.raises(RuntimeError, match="the tool `exits` wanted to end the process"):
        hook("exits", own.exits, {})
    with pytest.raises(RuntimeError, match="wanted to end the process"):
        await hook("exits", exits_later, {})


def test_the_log_says_where_a_tool_failed_and_not_what_it_said() -> None:
    """Its author finds the line; its text may hold the task."""
    with capture_logs() as logged, pytest.raises(ValueError, match=own.SECRET):
        ToolHook(Metrics(), names={"fail"})("fail", own.fail, {})
    (line,) = logged
    assert (line["event"], line["tool"], line["error"]) == ("tool_failed", "fail", "ValueError")
    assert line["at"].startswith("own.py:")
    assert own.SECRET not in str(logged)


def test_a_name_nobody_configured_is_no_label() -> None:
    """A model may call a tool whatever it likes; metrics would grow with its fancy."""
    metrics = Metrics()
    ToolHook(metrics, names={"add"})("mutliply", lambda: None, {})
    assert count(metrics, "other", "success") == 1
    assert count(metrics, "mutliply", "success") is None

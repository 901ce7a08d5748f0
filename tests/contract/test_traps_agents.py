"""Agno's traps (the project's field notes number them), each held shut by our builder and runner.

Agno fails quietly: without what is tested here each of these would be an answer that looks like success.
"""

import asyncio
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from agno.agent import Agent
from agno.models.message import Message

from bullpen.errors import GuardrailRefused, ModelFailed, ResultMismatch, RunFailed
from tests.stubs import own
from tests.stubs.scripted import Script, ScriptedModel, Turn, calls, last
from tests.stubs.stage import caller, stage

STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def source(name: str) -> str:
    return f"type: it\nsource: tests.stubs.own:{name}"


def uses(tool: str) -> Script:
    def script(messages: Sequence[Message]) -> Turn:
        return last(messages) if messages[-1].role == "tool" else calls(tool)

    return script


@STREAMED
async def test_t1_a_failed_model_is_an_error_of_ours(tmp_path: Path, *, streamed: bool) -> None:
    """Agno answers with status ERROR and the error's text; we raise, and the text stays inside."""
    async with stage(tmp_path, source("down")) as it:
        with pytest.raises(ModelFailed) as raised:
            await it.result("it", streamed=streamed)
    assert own.SECRET not in raised.value.detail


async def test_t1_without_us_agno_says_nothing() -> None:
    """The trap itself: were Agno to raise one day, the runner could be simpler."""
    output = await own.down().arun("go", user_id="u", session_id="s", stream=False)
    assert output.content == own.SECRET


@STREAMED
@pytest.mark.parametrize("name", ["defective_guardrail", "defective_post_hook"])
async def test_t2_a_guardrail_that_breaks_fails_the_run(tmp_path: Path, name: str, *, streamed: bool) -> None:
    """Agno logs a hook's exception and goes on; a check that could not be made lets nothing pass."""
    async with stage(tmp_path, source(name)) as it:
        with pytest.raises(RunFailed) as raised:
            await it.result("it", streamed=streamed)
    assert own.SECRET not in raised.value.detail


@STREAMED
@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("strict_guardrail", "input"),
        ("strict_post_hook", "output"),
        ("strict_flow", "input"),
        ("strict_route", "input"),
    ],
)
async def test_t1_a_guardrail_that_refuses_is_told_as_a_refusal(
    tmp_path: Path, name: str, side: str, *, streamed: bool
) -> None:
    """Agno makes a failed run of it, or none at all, with the guardrail's own text for an answer."""
    async with stage(tmp_path, source(name)) as it:
        with pytest.raises(GuardrailRefused, match=f"`it` refused the {side}") as raised:
            await it.result("it", streamed=streamed)
    assert own.SECRET not in raised.value.detail


@STREAMED
async def test_t1_a_member_whose_word_is_the_teams_fails_it(tmp_path: Path, *, streamed: bool) -> None:
    """In `route` mode nobody looks at the member's answer again: Agno hands out its error as the team's result."""
    async with stage(tmp_path, source("failing_route")) as it:
        with pytest.raises(ModelFailed):
            await it.result("it", streamed=streamed)


async def test_t12_a_streamed_step_that_succeeded_is_no_failed_one(tmp_path: Path) -> None:
    """Agno leaves a step's stream before its end, and marks the run in it as cancelled once it is collected."""
    async with stage(tmp_path, source("unhurried_flow")) as it:
        assert await it.result("it", streamed=True) == "fine"


async def test_t4_every_run_has_ids_of_its_own(tmp_path: Path) -> None:
    """An id left out sticks to the instance. Ours are always given, and carry tenant and user."""
    tools = "who: {function: 'tests.stubs.own:who'}"
    async with stage(tmp_path, "type: it\ntools: [who]", tools=tools, script=uses("who")) as it:
        first = await it.run("it", session_id="one", run_id="r1")
        second = await it.run("it", by=caller("b:c", "a"), session_id="two", run_id="r2")
        third = await it.run("it", by=caller("c", "a:b"), session_id="two", run_id="r3")
        assert (await it.agent("it")).session_id is None
    assert first == "acme:ann acme:ann:one r1"
    assert second == "a:b%3Ac a:b%3Ac:two r2"
    assert third == "a%3Ab:c a%3Ab:c:two r3"


async def test_t6_two_hundred_runs_on_one_agent_do_not_mix(tmp_path: Path) -> None:
    """One shared agent serves every session: design decision 1 stands on this."""

    async def script(messages: Sequence[Message]) -> Turn:
        await asyncio.sleep(0)
        asked = next(str(each.content) for each in messages if each.role == "user")
        return f"{asked} {last(messages)}" if messages[-1].role == "tool" else calls("who")

    async with stage(
        tmp_path, "type: it\ntools: [who]", tools="who: {function: 'tests.stubs.own:who'}", script=script
    ) as it:
        answers = await asyncio.gather(
            *(it.run("it", f"task {n}", by=caller(f"u{n}"), session_id=f"s{n}", run_id=f"r{n}") for n in range(200))
        )
    assert answers == [f"task {n} acme:u{n} acme:u{n}:s{n} r{n}" for n in range(200)]


async def test_t7_a_run_that_ends_leaves_the_mcp_server_to_the_others(tmp_path: Path) -> None:
    """Agno closes a lazily connected server under the other runs; ours is connected once, before any of them."""
    fast_ended = asyncio.Event()

    async def script(messages: Sequence[Message]) -> Turn:
        if messages[-1].role == "tool":
            return last(messages).strip()
        if last(messages) == "slow":
            await fast_ended.wait()
        return calls("reverse", text=last(messages))

    server = Path(own.__file__).with_name("mcp_server.py")
    tools = f"words: {{mcp: {{command: '{sys.executable}', args: ['{server}']}}}}"
    async with stage(tmp_path, "type: it\ntools: [words]", tools=tools, script=script) as it:
        slow = asyncio.create_task(it.run("it", "slow"))
        assert await it.run("it", "fast") == "tsaf"
        fast_ended.set()
        assert await slow == "wols"


async def test_t8_tools_made_for_a_session_are_not_kept_for_the_next(tmp_path: Path) -> None:
    """Agno caches what a tool factory made by user alone; the next session would get the first one's tools."""
    async with stage(tmp_path, source("tools_per_session")) as it:
        assert await it.run("it", session_id="one") == "acme:ann:one"
        assert await it.run("it", session_id="two") == "acme:ann:two"


@STREAMED
@pytest.mark.parametrize("said", ["not json", '{"verdict": "yes"}', '{"verdict": "yes", "confidence": 7}', "[]"])
async def test_t14_a_result_of_the_wrong_shape_is_an_error(tmp_path: Path, said: str, *, streamed: bool) -> None:
    """Agno calls it completed, with a string for content."""
    agent = (
        "type: it\n"
        "output_schema:\n"
        "  type: object\n"
        "  required: [verdict, confidence]\n"
        "  properties: {verdict: {type: string}, confidence: {type: number, maximum: 1}}\n"
    )
    async with stage(tmp_path, agent, script=lambda _: said) as it:
        with pytest.raises(ResultMismatch):
            await it.result("it", streamed=streamed)


async def test_t14_the_schema_of_a_users_own_agent_is_held_to(tmp_path: Path) -> None:
    """It is the object's own promise; nobody has to repeat it in YAML."""
    async with stage(tmp_path, source("verdict")) as it:
        with pytest.raises(ResultMismatch):
            await it.run("it")


async def test_t15_p07_a_synchronous_tool_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """It runs in a thread, our hook around it notwithstanding: only a free loop can release it."""
    own.STARTED.clear()
    own.RELEASED.clear()
    tools = "block: {function: 'tests.stubs.own:block'}"
    async with stage(tmp_path, "type: it\ntools: [block]", tools=tools, script=uses("block")) as it:
        run = asyncio.create_task(it.run("it"))
        assert await asyncio.to_thread(own.STARTED.wait, 5)
        own.RELEASED.set()
        assert await run == "released"


async def test_t16_hooks_run_in_their_asynchronous_form_every_time(tmp_path: Path) -> None:
    """Agno settles the form at the first call; we never make a synchronous one."""
    own.HOOKED.clear()
    async with stage(tmp_path, source("hooked")) as it:
        await it.run("it", "first")
        await it.stream("it", "second")
        await it.run("it", "third")
    assert own.HOOKED == ["first", "second", "third"]


@pytest.mark.parametrize("agent", ["type: it", source("plain"), source("team"), source("steady_flow")])
async def test_t17_nothing_is_reported_to_agnos_makers(
    tmp_path: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the environment does not forbid it: Agno's reporting thread is never started."""
    monkeypatch.delenv("AGNO_TELEMETRY", raising=False)
    async with stage(tmp_path, agent) as it:
        await it.run("it")
        await it.stream("it")
    assert "agno-telemetry" not in {thread.name for thread in threading.enumerate()}


def test_t17_agno_reports_unless_told_otherwise() -> None:
    """The trap itself."""
    assert Agent(model=ScriptedModel()).telemetry

"""Agents, teams, workflows and tools as a user would write them, each with a point to prove."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.exceptions import CheckTrigger, InputCheckError, OutputCheckError
from agno.guardrails import BaseGuardrail
from agno.memory import MemoryManager
from agno.models.message import Message
from agno.run import RunContext
from agno.run.cancel import acancel_run
from agno.session import SessionSummaryManager
from agno.team import Team, TeamMode
from agno.tools import Toolkit
from agno.workflow import Condition, Loop, Parallel, Router, Step, Steps, Workflow
from pydantic import BaseModel

from tests.stubs.scripted import ScriptedModel, Turn, calls, last

SECRET = "sk-live-provider-text"


class Verdict(BaseModel):
    """Yes or no, and how sure."""

    verdict: str
    confidence: float


def _down(_: Sequence[Message]) -> str:
    raise RuntimeError(SECRET)


def _asks_tool(name: str) -> Any:
    def script(messages: Sequence[Message]) -> Turn:
        return last(messages) if messages[-1].role == "tool" else calls(name)

    return script


def plain() -> Agent:
    return Agent(name="plain", model=ScriptedModel(), retries=3, telemetry=True, fallback_models=[ScriptedModel()])


def nameless() -> Agent:
    return Agent(name="nameless")


def by_name() -> Agent:
    agent = Agent(name="by_name", model=ScriptedModel(), compaction=True)
    agent.memory_manager = MemoryManager()
    agent.memory_manager.model = "openai:gpt-4o"  # type: ignore[assignment]  # what a user may do all the same
    return agent


def in_tuple() -> Agent:
    agent = Agent(name="in_tuple", model=ScriptedModel())
    agent.metadata = {"spare": (ScriptedModel(),)}
    return agent


MADE: list[Agent] = []


def unsteady() -> Agent:
    """In order when it is looked at, and not afterwards."""
    MADE.append(plain() if not MADE else in_tuple())
    return MADE[-1]


def answers(text: str) -> Agent:
    return Agent(name="answers", model=ScriptedModel(turns=[text]))


def dependent() -> Agent:
    def script(messages: Sequence[Message]) -> Turn:
        assert str(messages[0].content) == "The rate is 5."
        return last(messages)

    return Agent(
        name="dependent",
        model=ScriptedModel(turns=[script]),
        instructions="The rate is {rate}.",
        dependencies={"rate": 5},
    )


def verdict() -> Agent:
    return Agent(name="verdict", model=ScriptedModel(turns=["I would rather chat"]), output_schema=Verdict)


def down() -> Agent:
    return Agent(name="down", model=ScriptedModel(turns=[_down]))


def team() -> Team:
    return Team(name="team", members=[plain(), nameless()], model=ScriptedModel(turns=["led"]))


def team_with_a_failing_member() -> Team:
    def script(messages: Sequence[Message]) -> Turn:
        if messages[-1].role == "tool":
            return "managed without"
        return calls("delegate_task_to_member", member_id="down", task="help")

    return Team(name="team", members=[down()], model=ScriptedModel(turns=[script]))


def cancels(run_id: str = "r-cancel") -> Agent:
    """Somebody cancels the run while its model is asked."""

    async def script(_: Sequence[Message]) -> str:
        await acancel_run(run_id)
        return "too late"

    return Agent(name="cancels", model=ScriptedModel(turns=[script]))


def cancelled_flow() -> Workflow:
    return Workflow(name="cancelled", steps=[Step(name="a", agent=cancels()), Step(name="b", agent=answers("fine"))])


def slow_database() -> Agent:
    return Agent(name="slow", model=ScriptedModel(), db=SqliteDb(db_url="sqlite://"))


def hooked_tools() -> Agent:
    async def around(function_call: Any, arguments: dict[str, Any]) -> Any:
        return await function_call(**arguments)

    return Agent(name="hooked", model=ScriptedModel(), tools=[block], tool_hooks=[around])


def odd_team() -> Team:
    return Team(name="odd", members=[plain()], model=ScriptedModel(), mode="sequential")  # type: ignore[arg-type]  # accepted in silence (T12)


def hidden_team() -> Team:
    return Team(name="hidden", members=lambda: [plain()], model=ScriptedModel())


def everywhere() -> Workflow:
    """A model in every place a workflow can have one."""
    agent = Agent(
        name="many",
        model=ScriptedModel(),
        parser_model=ScriptedModel(),
        output_model=ScriptedModel(),
        reasoning_model=ScriptedModel(),
        followup_model=ScriptedModel(),
        memory_manager=MemoryManager(model=ScriptedModel()),
        session_summary_manager=SessionSummaryManager(model=ScriptedModel()),
    )
    return Workflow(
        name="everywhere",
        steps=[
            Step(name="one", agent=agent),
            Steps(name="two", steps=[Step(name="in steps", team=team())]),
            Parallel("three", [Step(name="in parallel", agent=plain())]),
            Condition(name="four", evaluator=True, steps=[Step(name="then", agent=plain())], else_steps=[plain()]),
            Loop(name="five", steps=[Step(name="in loop", agent=plain())], max_iterations=1),
            Router(name="six", selector=lambda _: [], choices=[Step(name="choice", agent=plain())]),
            Step(name="seven", workflow=Workflow(name="inner", steps=[Step(name="deep", agent=plain())])),
        ],
    )


def steady_flow() -> Workflow:
    return Workflow(name="steady", steps=[Step(name="a", agent=plain()), Step(name="b", agent=answers("the end"))])


def broken_flow() -> Workflow:
    """Its first step fails, its second answers: Agno calls that completed."""
    return Workflow(name="broken", steps=[Step(name="a", agent=down()), Step(name="b", agent=answers("fine"))])


def broken_function_flow() -> Workflow:
    def fails(_: Any) -> Any:
        raise KeyError(SECRET)

    return Workflow(name="broken", steps=[Step(name="a", executor=fails), Step(name="b", agent=answers("fine"))])


class Defective(BaseGuardrail):
    """A guardrail with a defect in it. As every one here it is asked asynchronously only; the other way fails."""

    def check(self, run_input: Any) -> None:
        raise NotImplementedError

    async def async_check(self, run_input: Any) -> None:
        raise ZeroDivisionError


class Strict(BaseGuardrail):
    """A guardrail that works, and refuses; asked asynchronously only, as `Defective`."""

    def check(self, run_input: Any) -> None:
        raise NotImplementedError

    async def async_check(self, run_input: Any) -> None:
        raise InputCheckError(SECRET, check_trigger=CheckTrigger.INPUT_NOT_ALLOWED)


def defective_guardrail() -> Agent:
    return Agent(name="guarded", model=ScriptedModel(), pre_hooks=[Defective()])


def strict_guardrail() -> Agent:
    return Agent(name="guarded", model=ScriptedModel(), pre_hooks=[Strict()])


def defective_post_hook() -> Agent:
    def check(run_output: Any) -> None:
        raise ZeroDivisionError

    return Agent(name="guarded", model=ScriptedModel(), post_hooks=[check])


HOOKED: list[str] = []


def hooked() -> Agent:
    async def note(run_input: Any) -> None:
        HOOKED.append(str(run_input.input_content))

    return Agent(name="hooked", model=ScriptedModel(), pre_hooks=[note])


def tools_per_session() -> Agent:
    def tools(run_context: RunContext) -> list[Any]:
        session = run_context.session_id

        def whose() -> str:
            """Whose tools these are."""
            return session

        return [whose]

    return Agent(name="factory", model=ScriptedModel(turns=[_asks_tool("whose")]), tools=tools)


class Stuck(Toolkit):
    """A toolkit that cannot be copied."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        super().__init__(name="stuck", tools=[self.nothing])

    def nothing(self) -> str:
        """Nothing."""
        return ""


class Counter(Toolkit):
    """A toolkit that keeps state."""

    def __init__(self, start: int = 0) -> None:
        self.count = start
        super().__init__(name="counter", tools=[self.next])

    def next(self) -> str:
        """The next number."""
        self.count += 1
        return str(self.count)


stuck_instance = Agent(name="stuck", model=ScriptedModel(), tools=[Stuck()])
counting_instance = Agent(name="counting", model=ScriptedModel(turns=[_asks_tool("next")]), tools=[Counter()])
not_an_agent = 42


def raises() -> Agent:
    raise RuntimeError("no agent today")


STARTED = threading.Event()
RELEASED = threading.Event()


def block() -> str:
    """Holds its thread until released."""
    STARTED.set()
    return "released" if RELEASED.wait(5) else "held up"


async def who(run_context: RunContext) -> str:
    """Whose run this is."""
    return f"{run_context.user_id} {run_context.session_id} {run_context.run_id}"


def fail() -> str:
    """Fails."""
    raise ValueError(SECRET)


def exits() -> str:
    """Wants to end the process."""
    raise SystemExit(3)


async def gives_up() -> str:
    """Cancels itself, as a client library may that was closed under it."""
    raise asyncio.CancelledError


def strict_post_hook() -> Agent:
    async def check(run_output: Any) -> None:
        raise OutputCheckError(SECRET, check_trigger=CheckTrigger.OUTPUT_NOT_ALLOWED)

    return Agent(name="guarded", model=ScriptedModel(), post_hooks=[check])


def strict_flow() -> Workflow:
    return Workflow(name="strict", steps=[Step(name="a", agent=strict_guardrail())])


def _route(member: Agent) -> Team:
    hands_over = calls("delegate_task_to_member", member_id=str(member.name), task="help")
    return Team(name="route", members=[member], model=ScriptedModel(turns=[hands_over]), mode=TeamMode.route)


def failing_route() -> Team:
    return _route(down())


def strict_route() -> Team:
    return _route(strict_guardrail())


def worded_team() -> Team:
    """Its mode is a plain word, as in Agno's documentation."""
    return Team(name="worded", members=[plain()], model=ScriptedModel(turns=["led"]), mode="coordinate")  # type: ignore[arg-type]  # works, whatever the annotation says


def unhurried_flow() -> Workflow:
    """Its second step takes long enough for the first one's stream to be collected."""

    async def script(_: Sequence[Message]) -> str:
        for _turn in range(10):
            await asyncio.sleep(0)
        return "fine"

    second = Agent(name="b", model=ScriptedModel(turns=[script]))
    return Workflow(name="unhurried", steps=[Step(name="a", agent=plain()), Step(name="b", agent=second)])

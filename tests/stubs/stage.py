"""A stage for agents: scripted models, a catalogue from a few lines of YAML, and everything real around a run."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from inspect import isawaitable
from pathlib import Path
from typing import Any, TypeAlias

from agno.models.message import Message
from agno.models.response import ModelResponse

from bullpen.agents import Builder, Catalogue, Result, Runner, Toolbox
from bullpen.caller import Caller
from bullpen.clock import SystemClock
from bullpen.llm import Models
from bullpen.llm.ports import Attempt, ModelName
from bullpen.llm.run import ModelRun
from bullpen.messages import Json, Request
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics
from tests.stubs.scripted import ScriptedModel

__all__ = ["Scripted", "Stage", "caller", "last", "models", "stage"]


Script: TypeAlias = Callable[[Sequence[Message]], Any]
"""Returns a `Turn`, or something to wait for that does."""


@dataclass
class Scripted(ScriptedModel):
    """Asks its script for each turn; the script sees the messages, and may wait."""

    script: Script = lambda _: "done"

    async def ainvoke(self, *, messages: list[Message], **others: Any) -> ModelResponse:
        await self._turn(messages)
        return await super().ainvoke(messages=messages, **others)

    async def ainvoke_stream(self, *, messages: list[Message], **others: Any) -> AsyncIterator[ModelResponse]:
        await self._turn(messages)
        async for piece in super().ainvoke_stream(messages=messages, **others):
            yield piece

    async def _turn(self, messages: list[Message]) -> None:
        turn: Any = self.script(messages)
        # Taken by the call this belongs to: nothing is awaited between here and there.
        self.turns = [await turn if isawaitable(turn) else turn]


def last(messages: Sequence[Message]) -> str:
    """The newest message's text."""
    return str(messages[-1].content)


def caller(user_id: str = "ann", tenant: str = "acme") -> Caller:
    return Caller(user_id=user_id, tenant=tenant, credential="test")


class Free:
    """Prices of nothing, and books nobody reads."""

    def cost(self, _model: ModelName, *, input_tokens: int, output_tokens: int) -> int:
        return 0

    def record(self, attempt: Attempt) -> None:
        pass


class Stage:
    """One catalogue, built; `run` and `stream` go through the real builder, guard and runner."""

    def __init__(self, catalogue: Catalogue, builder: Builder, metrics: Metrics) -> None:
        self.catalogue = catalogue
        self.builder = builder
        self.metrics = metrics
        self.runs: list[ModelRun] = []
        self._built: dict[str, Any] = {}

    async def agent(self, agent_type: str) -> Any:
        definition = self.catalogue.find(agent_type)
        assert definition is not None
        if agent_type not in self._built:
            self._built[agent_type] = await self.builder.build(definition)
        return self._built[agent_type]

    async def run(self, agent_type: str, task: str = "go", *, by: Caller | None = None, **fields: Any) -> Json:
        by = by or caller()
        request = Request(agent_type=agent_type, task=task, **fields)
        agent = await self.agent(agent_type)
        with self._run(request, by).as_current():
            return await Runner().run(agent, request=request, caller=by, schema=self.catalogue.schema(agent_type))

    async def stream(self, agent_type: str, task: str = "go", **fields: Any) -> list[Any]:
        request = Request(agent_type=agent_type, task=task, **fields)
        agent = await self.agent(agent_type)
        schema = self.catalogue.schema(agent_type)
        with self._run(request, caller()).as_current():
            steps = Runner().stream(agent, request=request, caller=caller(), schema=schema)
            return [step async for step in steps]

    async def result(self, agent_type: str, task: str = "go", *, streamed: bool) -> Json:
        if not streamed:
            return await self.run(agent_type, task)
        steps = await self.stream(agent_type, task)
        assert [isinstance(step, Result) for step in steps] == [False] * (len(steps) - 1) + [True]
        return steps[-1].value  # type: ignore[no-any-return]  # the assertion above

    def _run(self, request: Request, by: Caller) -> ModelRun:
        run = ModelRun(
            run_id=request.run_id,
            session_id=request.session_id,
            tenant=by.tenant,
            user_id=by.user_id,
            agent_type=request.agent_type,
            deadline=Deadline.after(30, clock=SystemClock()),
        )
        self.runs.append(run)
        return run


def models(script: Script | None = None) -> Models:
    """Models where `scripted:anything` follows `script`, and every alias means that."""
    free = Free()
    providers = {"scripted": lambda name: Scripted(id=name, script=script or (lambda _: "done"))}
    return Models(prices=free, usage=free, default="scripted:one", providers=providers)


@asynccontextmanager
async def stage(
    folder: Path, *agents: str, script: Script | None = None, tools: str = "", code: Mapping[str, str] | None = None
) -> AsyncIterator[Stage]:
    """A stage with `agents` (YAML, one each), `tools` (YAML) and modules of the user's own."""
    (folder / "config" / "agents").mkdir(parents=True)
    for number, text in enumerate(agents):
        (folder / "config" / "agents" / f"{number}.yaml").write_text(text, "utf-8")
    (folder / "config" / "tools.yaml").write_text(tools, "utf-8")
    for name, text in (code or {}).items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    made = models(script)
    toolbox = Toolbox.load(folder / "config" / "tools.yaml")
    catalogue = Catalogue.load(folder / "config" / "agents", models=made, toolbox=toolbox)
    await toolbox.start()
    metrics = Metrics()
    try:
        yield Stage(catalogue, Builder(catalogue, models=made, toolbox=toolbox, metrics=metrics), metrics)
    finally:
        await toolbox.stop()
        await made.aclose()

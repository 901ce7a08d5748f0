"""A stage for agents: scripted models, a catalogue from a few lines of YAML, and everything real around a run."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bullpen.agents import Builder, Catalogue, Result, Runner, Toolbox
from bullpen.caller import Caller
from bullpen.llm import Models
from bullpen.llm.run import ModelRun
from bullpen.messages import Json, Request
from bullpen.telemetry import Metrics
from tests.stubs import booking
from tests.stubs.scripted import Script, ScriptedModel

__all__ = ["Stage", "caller", "models", "stage"]


def caller(user_id: str = "ann", tenant: str = "acme") -> Caller:
    return Caller(user_id=user_id, tenant=tenant, credential="test")


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
        run = booking.model_run(
            run_id=request.run_id,
            session_id=request.session_id,
            tenant=by.tenant,
            user_id=by.user_id,
            agent_type=request.agent_type,
        )
        self.runs.append(run)
        return run


def models(script: Script | None = None) -> Models:
    """Models where `scripted:anything` follows `script`, and every alias means that."""
    providers = {"scripted": lambda name: ScriptedModel(id=name, turns=[script or "done"])}
    return booking.models(default="scripted:one", providers=providers)


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

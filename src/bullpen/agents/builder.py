"""From a definition to something that runs."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from agno.agent import Agent
from agno.exceptions import InputCheckError, OutputCheckError
from agno.models.base import Model
from agno.team import Team
from agno.tools import Toolkit
from agno.tools.reasoning import ReasoningTools
from agno.workflow import Step, Workflow

from bullpen.agents.catalogue import Catalogue
from bullpen.agents.definition import AgentDefinition
from bullpen.agents.failclosed import fail_closed
from bullpen.agents.metering import ToolHook
from bullpen.agents.sources import Source
from bullpen.agents.tools import Toolbox
from bullpen.agents.walker import Runnable, guard, reachable, unguarded
from bullpen.errors import Misconfigured
from bullpen.llm import Models
from bullpen.pool import LaneKind
from bullpen.telemetry import Metrics

__all__ = ["Builder"]


class Builder:
    """Makes agents of the catalogue's definitions; for use once the toolbox is started.

    Whatever is built calls models only through guards, never retries on its own and reports nothing to Agno's makers.
    What is made here stores nothing; a user's own object may have a database.
    """

    def __init__(self, catalogue: Catalogue, *, models: Models, toolbox: Toolbox, metrics: Metrics) -> None:
        self._catalogue = catalogue
        self._models = models
        self._toolbox = toolbox
        self._metrics = metrics
        self._calls = toolbox.calls | ReasoningTools().functions.keys()
        self._given: dict[str, Runnable] = {}

    def kinds(self) -> list[LaneKind]:
        """What the pool needs to know of every agent type."""
        return [
            LaneKind(
                agent_type=each.type,
                build=partial(self.build, each),
                close=self.close,
                max_concurrent=each.max_concurrent,
                shared=each.isolation == "shared",
            )
            for each in self._catalogue
        ]

    async def build(self, definition: AgentDefinition) -> Runnable:
        """A new instance, or the user's own object; raises `Misconfigured` when a model would go unguarded."""
        source = self._catalogue.source(definition.type)
        runnable = self._described(definition) if source is None else self._own(definition, source)
        bare = unguarded(runnable)
        if bare:
            raise Misconfigured(
                f"`{definition.type}` has models Bullpen cannot guard: {', '.join(bare)}. "
                "Give the model itself instead of its name, in a list instead of a tuple."
            )
        return runnable

    async def close(self, runnable: Runnable) -> None:
        """Closes what the tools of an instance hold open; shared MCP connections stay."""
        for toolkit in reachable(runnable):
            if isinstance(toolkit, Toolkit) and toolkit.requires_connect:
                toolkit.close()

    def _described(self, definition: AgentDefinition) -> Agent:
        tools = self._toolbox.tools(definition.tools)
        if definition.reasoning == "tools":
            tools.append(ReasoningTools(add_instructions=True))
        return Agent(
            id=definition.type,
            name=definition.type,
            description=definition.description or None,
            instructions=definition.instructions or None,
            model=self._model(definition),
            reasoning_model=self._model(definition) if definition.reasoning == "native" else None,
            tools=tools,
            tool_hooks=[ToolHook(self._metrics, names=self._calls)],
            # A task is a caller's text: braces in it are not ours to fill in.
            resolve_in_context=False,
            telemetry=False,
            cache_callables=False,
            store_media=False,
            store_tool_messages=False,
        )

    def _own(self, definition: AgentDefinition, source: Source) -> Runnable:
        """The user's object, mended once; an agent that may not be shared is copied."""
        if source.is_factory:
            return self._mended(definition, source.make())
        runnable = self._given.get(definition.type)
        if runnable is None:
            runnable = self._given[definition.type] = self._mended(definition, source.make())
        # A copy has its own tools and shares the models, which are guarded by now.
        return runnable.deep_copy() if definition.isolation == "instance" else runnable

    def _mended(self, definition: AgentDefinition, runnable: Runnable) -> Runnable:
        if definition.tools and isinstance(runnable, Agent | Team):
            runnable.tools = [*_listed(runnable), *self._toolbox.tools(definition.tools)]
        hook = ToolHook(self._metrics, names=self._calls | frozenset(_calls(runnable)))
        for each in reachable(runnable):
            if isinstance(each, Agent | Team):
                _tame(each, hook)
                each.model = each.model or self._model(definition)
            elif isinstance(each, Workflow):
                each.telemetry = False
                # Only these events tell how a streamed step really ended.
                each.stream_executor_events = True
            elif isinstance(each, Step):
                each.max_retries = 0
        guard(runnable, lambda model: self._models.guard(model, call=definition.call))
        return runnable

    def _model(self, definition: AgentDefinition) -> Model:
        return self._models.build(definition.model, call=definition.call)


def _tame(agent: Agent | Team, hook: Callable[..., Any]) -> None:
    agent.telemetry = agent.debug_mode = agent.cache_callables = False
    agent.retries = 0
    agent.fallback_models = agent.fallback_config = None
    agent.pre_hooks = [fail_closed(each, refusal=InputCheckError) for each in agent.pre_hooks or ()] or None
    agent.post_hooks = [fail_closed(each, refusal=OutputCheckError) for each in agent.post_hooks or ()] or None
    # Two types may name one object; a call is counted once all the same.
    agent.tool_hooks = [*(each for each in agent.tool_hooks or () if not isinstance(each, ToolHook)), hook]


def _listed(agent: Agent | Team) -> list[Any]:
    """Its tools, as far as they are known before it runs."""
    return [] if callable(agent.tools) else list(agent.tools or ())


def _calls(runnable: Runnable) -> Iterator[str]:
    """The names the tools of the user's object are called by."""
    for each in reachable(runnable):
        if isinstance(each, Toolkit):
            yield from (*each.functions, *each.async_functions)
        elif isinstance(each, Agent | Team):
            yield from (str(getattr(tool, "__name__", getattr(tool, "name", ""))) for tool in _listed(each))

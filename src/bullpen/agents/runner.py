"""One run of one agent: Agno's calling conventions in, our words out."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

import structlog
from agno.workflow import Workflow

from bullpen.agents.blame import blame
from bullpen.agents.outcome import Ended, settled
from bullpen.agents.output import OutputSchema
from bullpen.agents.walker import Runnable
from bullpen.agents.witness import Witness
from bullpen.caller import Caller
from bullpen.errors import BullpenError, RunFailed
from bullpen.llm.run import current_run
from bullpen.messages import Delta, Json, Request, ToolStep

__all__ = ["Result", "Runner", "Streamed"]

_log = structlog.get_logger("bullpen.agents")

_WORDS: Final = "RunContent"
_Status: TypeAlias = Literal["started", "completed", "failed"]
# A failed call ends in two events of Agno's, completed and then error; the first one knows both.
_TOOL_STATUS: Final[dict[str, _Status]] = {"ToolCallStarted": "started", "ToolCallCompleted": "completed"}


@dataclass(frozen=True, slots=True)
class Result:
    """The checked result; always the last thing of a stream."""

    value: Json


Streamed: TypeAlias = Delta | ToolStep | Result


class Runner:
    """Runs agents, teams and workflows.

    The caller has made a `ModelRun` current: the guards leave there why a model call failed, which Agno would hide.
    """

    async def run(self, agent: Runnable, *, request: Request, caller: Caller, schema: OutputSchema | None) -> Json:
        """The result of one run: text, or an object when there is a schema.

        Raises:
            RunFailed: Or one of its kinds; a model's failure as the guard classified it.
            Cancelled: Something inside cancelled the run. Cancelling the task raises CancelledError as always.
        """
        with _foreign(request):
            ended: Ended = await agent.arun(request.task, stream=False, **_arguments(agent, request, caller, schema))
        return settled(ended, request=request, schema=schema)

    async def stream(
        self, agent: Runnable, *, request: Request, caller: Caller, schema: OutputSchema | None
    ) -> AsyncGenerator[Streamed]:
        """The same as it happens, ending in exactly one `Result` unless it raises as `run` does.

        Deltas are the words of the agent itself, or of a team's leader; a workflow has none of its own and its result
        is told as one. Deltas are not final: the result is, and only it has passed the agent's post-hooks.
        """
        arguments = _arguments(agent, request, caller, schema)
        if not isinstance(agent, Workflow):
            arguments["yield_run_output"] = True
        witness = Witness(request.run_id)
        told = False
        with _foreign(request):
            events: Any = agent.arun(request.task, stream=True, stream_events=True, **arguments)
            async with aclosing(events):
                async for event in events:
                    name = _name(event)
                    # Nine of ten events are words, and no word is an end.
                    if name != _WORDS:
                        witness.see(event)
                    message = _message(name, event, request)
                    if message is not None:
                        told = told or isinstance(message, Delta)
                        yield message
        value = settled(witness.ended, request=request, schema=schema, inside=witness.inside)
        if isinstance(value, str) and not told:
            yield Delta(value)
        yield Result(value)


def _arguments(agent: Runnable, request: Request, caller: Caller, schema: OutputSchema | None) -> dict[str, Any]:
    """Agno keeps sessions and memories by id alone, and an id left out sticks to the agent (traps T3, T4)."""
    arguments: dict[str, Any] = {
        "user_id": _scoped(caller.tenant, caller.user_id),
        "session_id": _scoped(caller.tenant, caller.user_id, request.session_id),
        "run_id": request.run_id,
    }
    if request.context:
        # Under one name, so that a caller cannot stand in for the object's own dependencies; and where it has some,
        # it alone decides whether they are shown to the model.
        arguments["dependencies"] = {"context": dict(request.context)}
        arguments["add_dependencies_to_context"] = None if agent.dependencies else True
    if schema is not None and not isinstance(agent, Workflow):
        arguments["output_schema"] = schema.for_agno()
    return arguments


def _scoped(*parts: str) -> str:
    """`tenant:user:session`, with colons inside the parts escaped: no two callers may come out alike."""
    return ":".join(quote(part, safe="@") for part in parts)


@contextmanager
def _foreign(request: Request) -> Iterator[None]:
    """Translates what Agno or the user's own code raises; its text is for the log at most."""
    try:
        yield
    except BullpenError:
        raise
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_asked_to_stop():
            raise
        run = current_run()
        if run is not None and run.failure is not None:
            raise run.failure from error
        _log.warning("run_raised", run_id=request.run_id, agent_type=request.agent_type, **blame(error))
        raise RunFailed(f"The agent `{request.agent_type}` failed. The log has more under {request.run_id}.") from error


def _is_asked_to_stop() -> bool:
    """Whether somebody cancelled this task; a tool may also raise CancelledError of its own accord."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _name(event: Any) -> str:
    return str(getattr(event, "event", "")).removeprefix("Team")


def _message(name: str, event: Any, request: Request) -> Delta | ToolStep | None:
    if name == _WORDS and event.run_id == request.run_id:
        return Delta(event.content) if isinstance(event.content, str) and event.content else None
    status = _TOOL_STATUS.get(name)
    if status is None or event.tool is None:
        return None
    failed = status == "completed" and event.tool.tool_call_error
    return ToolStep(
        tool=event.tool.tool_name or "",
        call_id=event.tool.tool_call_id or "",
        status="failed" if failed else status,
    )

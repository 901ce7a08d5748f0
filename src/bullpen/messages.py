"""What goes into a run and what comes out of it, the same through every door.

A door makes a `Request`; the story answers with an `Answer`, or, when streaming, with `Event`s of which the last
is `Done`. A failure is never a message: it is raised, as one of `bullpen.errors`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import urandom
from typing import Final, Literal, TypeAlias

__all__ = [
    "DEFAULT_PRIORITY",
    "MICROS_PER_DOLLAR",
    "Answer",
    "Delta",
    "Done",
    "Event",
    "Json",
    "Request",
    "Started",
    "ToolStep",
    "Usage",
    "new_id",
]

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

MICROS_PER_DOLLAR: Final = 1_000_000
DEFAULT_PRIORITY: Final = 3


def new_id(prefix: str) -> str:
    """A fresh opaque id, such as `run_` and 32 hex digits."""
    return f"{prefix}_{urandom(16).hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One task for one agent.

    Attributes:
        agent_type: A name in the catalogue.
        task: What to do; not blank.
        context: Facts shown to the model beside the task.
        priority: 1 (first) to 5; decides who waits for a lane behind whom, and weighs less the longer they wait.
        timeout: Seconds for the whole run, waiting included; None leaves the server's own bound.
        output_schema: A JSON Schema (2020-12) the result must match, instead of the agent's own.
        run_id: Names this run in logs, traces and the ledger.
        session_id: Names the conversation; opaque outside.
    """

    agent_type: str
    task: str
    context: Mapping[str, Json] | None = None
    priority: int = DEFAULT_PRIORITY
    timeout: float | None = None
    output_schema: Mapping[str, Json] | None = None
    run_id: str = field(default_factory=lambda: new_id("run"))
    session_id: str = field(default_factory=lambda: new_id("ses"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run used. `cost` is in micro-dollars, an integer: money is never a float."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a run answered.

    Attributes:
        result: Text, or an object when there is an output schema.
        agent_name: The lane that worked, `{type}_{n}`.
        model: The id of the model that answered last, as it was asked for.
        duration: Seconds from the door to the answer.
        queue_wait: Seconds of `duration` spent waiting for a lane.
        overhead: Seconds of `duration` that were neither waiting, nor the model's, nor a tool's.
    """

    result: Json
    agent_name: str
    agent_type: str
    model: str
    run_id: str
    session_id: str
    usage: Usage
    duration: float
    queue_wait: float
    overhead: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The run has a lane and begins."""

    run_id: str
    session_id: str
    agent_type: str
    agent_name: str


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStep:
    """A tool was called (`started`) or came back. Arguments and results stay inside: they may be private."""

    tool: str
    call_id: str
    status: Literal["started", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class Done:
    """The run succeeded; always the last event."""

    answer: Answer


Event: TypeAlias = Started | Delta | ToolStep | Done

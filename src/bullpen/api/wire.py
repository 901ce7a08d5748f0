"""What goes over the wire: bodies in and out of HTTP, their examples, and the translation of answers.

Bodies in are pydantic models, because they validate; bodies out are built as dictionaries, because that is faster,
and their models here serve the OpenAPI document.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from bullpen.messages import DEFAULT_PRIORITY, MICROS_PER_DOLLAR, Answer, Request

__all__ = [
    "MAX_BATCH",
    "AgentDocument",
    "AgentsDocument",
    "AnswerDocument",
    "BatchBody",
    "BatchDocument",
    "ExecuteBody",
    "FailedRunDocument",
    "ProblemDocument",
    "answer_document",
]

MAX_BATCH: Final = 100


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ExecuteBody(_Body):
    """One task for one agent."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"agent_type": "general", "task": "What is 17 * 23?", "priority": 2}]}
    )

    agent_type: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        description="A type listed by `GET /agents`"
    )
    task: Annotated[str, StringConstraints(pattern=r"\S")] = Field(description="What to do; not blank")
    context: dict[str, JsonValue] | None = Field(default=None, description="Facts shown to the model beside the task")
    priority: Annotated[int, Field(ge=1, le=5)] = Field(
        default=DEFAULT_PRIORITY, description="1 (first) to 5; who waits for a lane moves up as time passes"
    )
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="Seconds for the whole run, waiting included; the server's own bound still holds"
    )
    output_schema: dict[str, JsonValue] | None = Field(
        default=None, description="A JSON Schema (2020-12) the result must match, instead of the agent's own"
    )

    def request(self) -> Request:
        """The same as the house's own message."""
        return Request(
            agent_type=self.agent_type,
            task=self.task,
            context=self.context,
            priority=self.priority,
            timeout=self.timeout,
            output_schema=self.output_schema,
        )


class BatchBody(_Body):
    """Up to 100 requests; each is checked and answered on its own."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"requests": [{"agent_type": "general", "task": "What is 2 + 2?"}]}]}
    )

    # Anything goes for an item here: each is checked by itself, so that a bad one spoils no other.
    requests: Annotated[
        list[Any], Field(min_length=1, max_length=MAX_BATCH, json_schema_extra={"items": {"type": "object"}})
    ]


class UsageDocument(BaseModel):
    """What a run used."""

    input_tokens: int
    output_tokens: int
    cost_usd: float


class AnswerDocument(BaseModel):
    """What a run answered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "success": True,
                    "result": "17 * 23 = 391",
                    "duration": 0.84,
                    "agent_name": "general_0",
                    "agent_type": "general",
                    "model": "gpt-4o-mini",
                    "run_id": "run_5f0c1d7e",
                    "session_id": "ses_9b1a6c22",
                    "usage": {"input_tokens": 118, "output_tokens": 22, "cost_usd": 0.000031},
                    "cache": None,
                    "queue_wait": 0.0,
                    "overhead": 0.0011,
                }
            ]
        }
    )

    success: Literal[True]
    result: JsonValue = Field(description="Text; an object when the agent or the request has an output schema")
    duration: float = Field(description="Seconds")
    agent_name: str
    agent_type: str
    model: str = Field(description="The model that answered")
    run_id: str
    session_id: str
    usage: UsageDocument
    cache: None = Field(description="Reserved; null")
    queue_wait: float = Field(description="Seconds of `duration` spent waiting for a lane")
    overhead: float = Field(description="Seconds of `duration` that were not waiting, the model's or a tool's")


class FieldDocument(BaseModel):
    """One wrong field."""

    path: str
    message: str


class ProblemDocument(BaseModel):
    """A problem, as RFC 9457 describes it, with the request's id."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:bullpen:error:unknown_agent",
                    "title": "There is no such agent type",
                    "status": 404,
                    "detail": "There is no agent 'generl'. You may use: general, coder.",
                    "request_id": "req_1c0ffee0",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    fields: list[FieldDocument] | None = None
    retry_after: float | None = None


class FailedRunDocument(ProblemDocument):
    """A problem of a run: a problem, and the members its clients look for."""

    success: Literal[False]
    error: str
    duration: float


class BatchDocument(BaseModel):
    """An answer or a problem an item, in the order of the requests."""

    results: list[AnswerDocument | FailedRunDocument]


class AgentDocument(BaseModel):
    """One agent of the catalogue."""

    type: str
    version: str
    description: str
    model: str
    permission: str
    tools: list[str]
    max_concurrent: int | None
    output_schema: dict[str, JsonValue] | None


class AgentsDocument(BaseModel):
    """The agents the caller may use."""

    agents: list[AgentDocument]


def answer_document(answer: Answer) -> dict[str, Any]:
    """The answer as it goes out."""
    return {
        "success": True,
        "result": answer.result,
        "duration": answer.duration,
        "agent_name": answer.agent_name,
        "agent_type": answer.agent_type,
        "model": answer.model,
        "run_id": answer.run_id,
        "session_id": answer.session_id,
        "usage": {
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "cost_usd": answer.usage.cost / MICROS_PER_DOLLAR,
        },
        "cache": None,
        "queue_wait": answer.queue_wait,
        "overhead": answer.overhead,
    }

"""What goes over the wire: bodies in and out of HTTP, their examples, and their translation.

Bodies in are pydantic models, because they validate; bodies out are built as dictionaries, because that is faster,
and their models here serve the OpenAPI document.
"""

from typing import Annotated, Any, Final, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from bullpen.errors import BullpenError, FieldError, InvalidRequest, MalformedBody
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
    "HealthDocument",
    "PoolDocument",
    "ProblemDocument",
    "answer_document",
    "parse",
    "requests_of",
]

MAX_BATCH: Final = 100

BodyT = TypeVar("BodyT", bound=BaseModel)

_NOT_YET: Final = frozenset({"session_id", "cache"})


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
    priority: Annotated[int, Field(ge=1, le=5)] = Field(default=DEFAULT_PRIORITY, description="1 (first) to 5")
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

    requests: Annotated[list[dict[str, JsonValue]], Field(min_length=1, max_length=MAX_BATCH)]


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


class AgentTypeDocument(BaseModel):
    """The lanes of one agent type."""

    count: int
    active: int
    total_tasks: int


class PoolDocument(BaseModel):
    """The pool's figures."""

    model_config = ConfigDict(extra="allow")

    total_agents: int
    max_pool_size: int
    pool_utilization: float
    agent_types: dict[str, AgentTypeDocument]
    total_agents_created: int
    total_tasks_processed: int
    avg_task_duration: float
    pool_hit_rate: float


class HealthDocument(BaseModel):
    """How the service is."""

    status: Literal["ok", "degraded", "down"]
    dependencies: dict[str, dict[str, JsonValue]] | None = None


def parse(body: bytes, model: type[BodyT]) -> BodyT:
    """Reads a JSON body.

    Raises:
        MalformedBody: It is not JSON.
        InvalidRequest: It is JSON and not what was asked for; names every wrong field.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedBody("The body is not valid JSON. Send one JSON object, encoded as UTF-8.") from None
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _refusal(error) from None


def requests_of(batch: BatchBody) -> list[Request | BullpenError]:
    """The batch's items, each a request or what is wrong with it."""
    return [_request_of(index, item) for index, item in enumerate(batch.requests)]


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


def _request_of(index: int, item: dict[str, JsonValue]) -> Request | BullpenError:
    try:
        return ExecuteBody.model_validate(item).request()
    except ValidationError as error:
        return _refusal(error, f"requests.{index}")


def _refusal(error: ValidationError, *under: str) -> InvalidRequest:
    problems = error.errors(include_url=False, include_input=False)
    fields = [_field(problem, under) for problem in problems]
    listed = "; ".join(f"{field.path or 'body'}: {field.message}" for field in fields)
    return InvalidRequest(f"The request is not valid. {listed}", fields=fields)


def _field(problem: Any, under: tuple[str, ...]) -> FieldError:
    path = ".".join([*under, *map(str, problem["loc"])])
    if problem["type"] == "extra_forbidden":
        return FieldError(path, _unknown(str(problem["loc"][-1])))
    if problem["type"] == "string_pattern_mismatch":
        return FieldError(path, "Must not be blank")
    return FieldError(path, problem["msg"])


def _unknown(name: str) -> str:
    if name in _NOT_YET:
        return f"`{name}` is not served by this version yet; leave it out"
    return f"There is no such field; known are {', '.join(ExecuteBody.model_fields)}"

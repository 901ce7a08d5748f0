"""Reading a JSON body, once, for every route that takes one, and saying what is wrong with it."""

import asyncio
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest

from bullpen.api.wire import BatchBody, ExecuteBody
from bullpen.errors import (
    BullpenError,
    Cancelled,
    DeadlineExceeded,
    FieldError,
    InvalidRequest,
    MalformedBody,
    UnsupportedMediaType,
)
from bullpen.messages import Request

__all__ = ["body_of", "requests_of"]

BodyT = TypeVar("BodyT", bound=BaseModel)

# More wrong fields than this are counted, not listed: an answer must not outgrow its question. And as describing each
# takes its time, a document with very many fields is refused before it is looked at.
_LISTED: Final = 20
_MOST_FIELDS: Final = 100
_NOT_YET: Final = frozenset({"session_id", "cache"})


async def body_of(request: HttpRequest, model: type[BodyT]) -> BodyT:
    """The request's body as the model.

    Raises:
        UnsupportedMediaType: It is not declared as JSON.
        BodyTooLarge, MalformedBody, InvalidRequest: As their names say.
        Cancelled: The caller hung up while sending.
        DeadlineExceeded: The caller did not send all of it in time.
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json" and not declared.endswith("+json"):
        raise UnsupportedMediaType("The body must be JSON. Send `Content-Type: application/json`.")
    return _parsed(await _read(request), model)


def requests_of(batch: BatchBody) -> list[Request | BullpenError]:
    """The batch's items, each a request or what is wrong with it."""
    return [_request_of(index, item) for index, item in enumerate(batch.requests)]


async def _read(request: HttpRequest) -> bytes:
    try:
        async with asyncio.timeout(request.state.deadline.remaining()):
            return await request.body()
    except ClientDisconnect:
        raise Cancelled("The caller hung up before the body was sent.") from None
    except TimeoutError:
        raise DeadlineExceeded("The body did not arrive before the request's deadline. Send it faster.") from None


def _parsed(body: bytes, model: type[BodyT]) -> BodyT:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedBody("The body is not valid JSON. Send one JSON object, encoded as UTF-8.") from None
    return _validated(document, model)


def _request_of(index: int, item: Any) -> Request | BullpenError:
    try:
        return _validated(item, ExecuteBody, f"requests.{index}").request()
    except InvalidRequest as error:
        return error


def _validated(document: Any, model: type[BodyT], *under: str) -> BodyT:
    if isinstance(document, dict) and len(document) > _MOST_FIELDS:
        crowd = FieldError(".".join(under), f"Has {len(document)} fields; known are {', '.join(model.model_fields)}")
        raise InvalidRequest(f"The request is not valid. {crowd.path or 'body'}: {crowd.message}", fields=[crowd])
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _refusal(error, model, *under) from None


def _refusal(error: ValidationError, model: type[BaseModel], *under: str) -> InvalidRequest:
    problems = error.errors(include_url=False, include_input=False)
    fields = [_field(problem, model, under) for problem in problems[:_LISTED]]
    listed = "; ".join(f"{field.path or 'body'}: {field.message}" for field in fields)
    if len(problems) > _LISTED:
        listed += f"; and {len(problems) - _LISTED} more"
    return InvalidRequest(f"The request is not valid. {listed}", fields=fields)


def _field(problem: Any, model: type[BaseModel], under: tuple[str, ...]) -> FieldError:
    if problem["type"] == "recursion_depth_exceeded":
        return FieldError(".".join([*under, str(problem["loc"][0])]), "Must not be nested so deep")
    path = ".".join([*under, *map(str, problem["loc"])])
    if problem["type"] == "model_type":
        return FieldError(path, "Must be a JSON object")
    if problem["type"] == "extra_forbidden":
        return FieldError(path, _unknown(str(problem["loc"][-1]), model))
    if problem["type"] == "string_pattern_mismatch":
        return FieldError(path, "Must not be blank")
    return FieldError(path, problem["msg"])


def _unknown(name: str, model: type[BaseModel]) -> str:
    if model is ExecuteBody and name in _NOT_YET:
        return f"`{name}` is not served by this version yet; leave it out"
    return f"There is no such field; known are {', '.join(model.model_fields)}"

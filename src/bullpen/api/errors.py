"""Where our error kinds meet HTTP: one table, one page, nowhere else.

Every error leaves as problem details (RFC 9457) with the request's id. On the routes that run an agent it also has the
members `success`, `error` and `duration`. A kind without a line of its own takes that of its nearest ancestor.
"""

import asyncio
import math
import time
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from bullpen import errors
from bullpen.errors import BullpenError

__all__ = ["STATUS", "problem", "problem_response", "run_problem", "status_of", "translated"]

_log = structlog.get_logger("bullpen.http")

_RUN_ROUTES: Final = frozenset({"/agent/execute"})

STATUS: Final[dict[type[BullpenError], int]] = {
    errors.BullpenError: 500,
    errors.Misconfigured: 500,
    errors.Refused: 400,
    errors.InvalidRequest: 422,
    errors.MalformedBody: 400,
    errors.UnsupportedMediaType: 415,
    errors.BodyTooLarge: 413,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.GuardrailRefused: 422,
    errors.RateLimited: 429,
    errors.Cancelled: 499,  # nobody is there to read it; the log and the metrics are
    errors.Unavailable: 503,
    errors.Unexpected: 500,
    errors.RunFailed: 502,
    errors.DeadlineExceeded: 504,
    errors.ModelTimeout: 504,
    errors.ModelBusy: 503,
    errors.CircuitOpen: 503,
}


def status_of(error: BullpenError) -> int:
    """The HTTP status of an error's kind."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(error: BullpenError, *, scope: Scope) -> dict[str, Any]:
    """The error as problem details."""
    document: dict[str, Any] = {
        "type": f"urn:bullpen:error:{error.kind}",
        "title": error.title,
        "status": status_of(error),
        "detail": error.detail,
        "request_id": scope["state"]["request_id"],
    }
    if isinstance(error, errors.InvalidRequest) and error.fields:
        document["fields"] = [{"path": field.path, "message": field.message} for field in error.fields]
    if error.retry_after is not None:
        document["retry_after"] = error.retry_after
    return document


def run_problem(error: BullpenError, *, scope: Scope) -> dict[str, Any]:
    """The same of a run, with the members its clients look for. `duration` is in seconds, from the door."""
    duration = time.monotonic() - scope["state"]["started"]
    return problem(error, scope=scope) | {"success": False, "error": error.detail, "duration": duration}


def problem_response(error: BullpenError, *, scope: Scope) -> Response:
    """The error as a response."""
    status = status_of(error)
    headers: dict[str, str] = {}
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = error.challenge
    if isinstance(error, errors.MethodNotAllowed):
        headers["Allow"] = error.allowed
    if isinstance(error, errors.RateLimited):
        headers |= error.headers
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after or 1)))
    described = run_problem if scope["path"] in _RUN_ROUTES else problem
    return Response(orjson.dumps(described(error, scope=scope)), status, headers, media_type="application/problem+json")


def translated(error: BaseException, *, scope: Scope) -> BullpenError:
    """Whatever was raised, as one of our kinds. What is neither ours nor the router's is a defect, and logged."""
    if isinstance(error, BullpenError):
        return error
    if isinstance(error, HTTPException):
        return _routers(error, scope)
    if isinstance(error, asyncio.CancelledError):
        # The server gave this request up: its grace has passed.
        return errors.ShuttingDown("This replica is stopping and could not finish the request. Send it again.")
    _log.error("http_unexpected_error", exc_info=error)
    return errors.Unexpected("This request failed inside Bullpen. The server's log has the traceback.")


def _routers(error: HTTPException, scope: Scope) -> BullpenError:
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        return errors.MethodNotAllowed(f"{scope['method']} is not allowed here. Use {allowed}.", allowed=allowed)
    return errors.NotFound("There is nothing at this path. `GET /openapi.json` lists what there is.")

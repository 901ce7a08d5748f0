"""The pieces of the OpenAPI document that every route shares."""

from typing import Any, Final

from pydantic import BaseModel

from bullpen.api.wire import ProblemDocument

__all__ = ["EVENTS", "body", "path_parameter", "responses"]

_MEANING: Final = {
    400: "The body is not JSON",
    401: "No valid credential was shown",
    403: "The caller may not do this",
    404: "There is no such thing",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    422: "A field is wrong; `fields` says which",
    429: "Too many requests; come back after `Retry-After`",
    500: "A defect of the server",
    502: "The run or its model failed",
    503: "Not now; come back after `Retry-After`",
    504: "The run outlived its deadline, or its model did not answer in time",
}

_RETRY_AFTER: Final = {
    "Retry-After": {"description": "Seconds to wait", "required": True, "schema": {"type": "integer", "minimum": 1}}
}
_LIMITED: Final = _RETRY_AFTER | {
    "RateLimit": {"description": "How each limit stands", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "The limits", "schema": {"type": "string"}},
}
_AUTHENTICATE: Final = {
    "WWW-Authenticate": {"description": "How to authenticate", "required": True, "schema": {"type": "string"}}
}

EVENTS: Final[dict[str, Any]] = {
    "text/event-stream": {
        "schema": {
            "type": "string",
            "description": "Events `start`, `delta`, `tool`, and `done` or `error` last; each has an id.",
        },
        "example": 'id: 1\nevent: start\ndata: {"run_id":"run_5f0c1d7e"}\n\n',
    }
}


def responses(
    ok: dict[str, Any], *statuses: int, problem: type[BaseModel] = ProblemDocument, created: bool = False
) -> dict[int | str, dict[str, Any]]:
    """What a route may answer: `ok` for 200, or for 201 when it creates something, and these problems."""
    return {201 if created else 200: ok, **{status: _response(status, problem) for status in statuses}}


def body(model: type[BaseModel]) -> dict[str, Any]:
    """A JSON request body, for a route that reads it by itself."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def path_parameter(name: str, *, description: str) -> dict[str, Any]:
    """A parameter in the path, for a route that reads it by itself."""
    schema = {"type": "string"}
    return {
        "parameters": [{"name": name, "in": "path", "required": True, "description": description, "schema": schema}]
    }


def _response(status: int, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    response: dict[str, Any] = {
        "description": _MEANING[status],
        "content": {"application/problem+json": {"schema": schema}},
    }
    headers = {401: _AUTHENTICATE, 429: _LIMITED, 503: _RETRY_AFTER}.get(status)
    return response | ({"headers": headers} if headers else {})

"""`GET /openapi.json`: the contract, with examples and every error."""

from functools import cache
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from bullpen.api.answers import json_response
from bullpen.api.documents import responses
from bullpen.api.gate import Gate
from bullpen.api.wire import FailedRunDocument, ProblemDocument

__all__ = ["openapi_route"]

_REF: Final = "#/components/schemas/{model}"
_SCHEMES: Final = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a signed token"},
}
_OPEN: Final = ("/health", "/ready")


def openapi_route(app: FastAPI, *, gate: Gate) -> APIRouter:
    """The route that serves the document; like every other it wants a credential."""
    router = APIRouter(tags=["contract"])
    document = cache(lambda: _document(app))

    @router.get(
        "/openapi.json",
        summary="This document",
        response_class=Response,
        responses=responses({"content": {"application/json": {"schema": {"type": "object"}}}}, 401, 500, 503),
    )
    async def contract(request: Request) -> Response:
        gate.admit(request)
        return json_response(document())

    return router


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = document.setdefault("components", {})
    for model in (ProblemDocument, FailedRunDocument):
        schema = model.model_json_schema(ref_template=_REF)
        components["schemas"] |= schema.pop("$defs", {}) | {model.__name__: schema}
    components["securitySchemes"] = _SCHEMES
    document["security"] = [{name: []} for name in _SCHEMES]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _finished(path, operation)
    return document


def _finished(path: str, operation: dict[str, Any]) -> None:
    """Takes out what the framework added by itself: its own 422, which our routes never answer."""
    if path.startswith(_OPEN):
        operation["security"] = []
    refusal = operation["responses"].get("422", {}).get("content", {})
    if "application/problem+json" not in refusal:
        operation["responses"].pop("422", None)

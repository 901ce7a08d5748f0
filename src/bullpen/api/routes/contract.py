"""`GET /openapi.json`: the contract, with examples and every error."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bullpen import __version__
from bullpen.api.documents import responses
from bullpen.api.gate import Gate
from bullpen.api.json import json_response
from bullpen.api.wire import FailedRunDocument, ProblemDocument

__all__ = ["document", "routes"]

_REF: Final = "#/components/schemas/{model}"
_SCHEMES: Final = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a signed token"},
}
_OPEN: Final = ("/health", "/ready")


def routes(described: Sequence[APIRouter], *, gate: Gate) -> APIRouter:
    """The route that serves the document of all others and of itself; like them it wants a credential."""
    router = APIRouter(tags=["contract"])
    whole = cache(lambda: document([route for each in (*described, router) for route in each.routes]))

    @router.get(
        "/openapi.json",
        summary="This document",
        response_class=Response,
        responses=responses({"content": {"application/json": {"schema": {"type": "object"}}}}, 401, 500, 503),
    )
    async def contract(request: Request) -> Response:
        await gate.admit(request)
        return json_response(whole())

    return router


def document(described: Sequence[BaseRoute]) -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    made = get_openapi(
        title="Bullpen",
        version=__version__,
        description="Serves Agno agents in production.",
        routes=described,
    )
    components = made.setdefault("components", {})
    for model in (ProblemDocument, FailedRunDocument):
        schema = model.model_json_schema(ref_template=_REF)
        components["schemas"] |= schema.pop("$defs", {}) | {model.__name__: schema}
    components["securitySchemes"] = _SCHEMES
    made["security"] = [{name: []} for name in _SCHEMES]
    for path, operations in made["paths"].items():
        for operation in operations.values():
            _finish(path, operation)
    return made


def _finish(path: str, operation: dict[str, Any]) -> None:
    """Takes out what the framework added by itself: its own 422, which our routes never answer."""
    if path.startswith(_OPEN):
        operation["security"] = []
    refusal = operation["responses"].get("422", {}).get("content", {})
    if "application/problem+json" not in refusal:
        operation["responses"].pop("422", None)

"""`GET /agents` and `GET /agents/{agent_type}`: what the caller may use."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bullpen.agents import AgentDefinition, Catalogue
from bullpen.api.documents import path_parameter, responses
from bullpen.api.gate import Gate
from bullpen.api.json import json_response
from bullpen.api.wire import AgentDocument, AgentsDocument
from bullpen.execution import Execution

__all__ = ["routes"]


def routes(*, gate: Gate, execution: Execution, catalogue: Catalogue) -> APIRouter:
    """The routes that show the catalogue."""
    router = APIRouter(tags=["agents"])

    def document(definition: AgentDefinition) -> dict[str, Any]:
        schema = catalogue.schema(definition.type)
        return {
            "type": definition.type,
            "version": definition.version,
            "description": definition.description,
            "model": catalogue.model(definition.type),
            "permission": definition.permission,
            "tools": list(definition.tools),
            "max_concurrent": definition.max_concurrent,
            "output_schema": schema.json_schema if schema else None,
        }

    @router.get(
        "/agents",
        summary="List the agents you may use",
        responses=responses({"model": AgentsDocument}, 401, 403, 429, 500, 503),
    )
    async def listed(request: Request) -> Response:
        caller = await gate.admit(request, "agent:read:own")
        return json_response({"agents": [document(each) for each in execution.agents(caller)]})

    @router.get(
        "/agents/{agent_type}",
        summary="Read one agent",
        responses=responses({"model": AgentDocument}, 401, 403, 404, 429, 500, 503),
        openapi_extra=path_parameter("agent_type", description="A type listed by `GET /agents`"),
    )
    async def one(request: Request) -> Response:
        caller = await gate.admit(request, "agent:read:own")
        return json_response(document(execution.agent(request.path_params["agent_type"], caller)))

    return router

"""`GET /pool/breakers`: which models are left alone, and for how long."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bullpen.api.documents import responses
from bullpen.api.figures import BreakersDocument
from bullpen.api.gate import Gate
from bullpen.api.json import json_response
from bullpen.resilience import Breakers
from bullpen.telemetry.multiprocess import worker

__all__ = ["routes"]


def routes(*, gate: Gate, breakers: Breakers) -> APIRouter:
    """The route; it needs `agent:read`, as the pool's figures do."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/pool/breakers",
        summary="How the circuit of each model stands",
        responses=responses({"model": BreakersDocument}, 401, 403, 429, 500, 503),
    )
    async def standings(request: Request) -> Response:
        await gate.admit(request, "agent:read")
        return json_response({"breakers": breakers.standings(), "worker": worker()})

    return router

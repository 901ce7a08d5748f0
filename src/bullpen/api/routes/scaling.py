"""`GET /pool/scaling`: the load, what was decided about it, and why."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bullpen.api.documents import responses
from bullpen.api.figures import ScalingDocument
from bullpen.api.gate import Gate
from bullpen.api.json import json_response
from bullpen.operations import Scaler, Tuner
from bullpen.telemetry.multiprocess import worker

__all__ = ["routes"]


def routes(*, gate: Gate, scaler: Scaler, tuner: Tuner) -> APIRouter:
    """The route; it needs `agent:read`, as the pool's figures do."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/pool/scaling",
        summary="The load, and what was decided about it",
        responses=responses({"model": ScalingDocument}, 401, 403, 429, 500, 503),
    )
    async def scaling(request: Request) -> Response:
        await gate.admit(request, "agent:read")
        return json_response({**scaler.report(), "tuning": tuner.report(), "worker": worker()})

    return router

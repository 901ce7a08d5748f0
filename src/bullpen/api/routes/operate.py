"""What the operator looks at: health and readiness, open to all; the pool's figures and the metrics, with a key."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bullpen.api.documents import responses
from bullpen.api.figures import HealthDocument, PoolDocument
from bullpen.api.gate import Gate
from bullpen.api.json import json_response
from bullpen.operations import Health
from bullpen.pool import Pool
from bullpen.telemetry import Metrics
from bullpen.telemetry.metrics import CONTENT_TYPE
from bullpen.telemetry.multiprocess import worker

__all__ = ["health_routes", "metrics_routes", "pool_routes"]


def health_routes(*, health: Health) -> APIRouter:
    """Liveness says that the process answers; readiness says that it can work. Neither needs a credential (P18)."""
    router = APIRouter(tags=["health"])

    @router.get("/health", summary="How the service is", responses={200: {"model": HealthDocument}})
    async def summary(_: Request) -> Response:
        return json_response((await health.report()).as_dict())

    @router.get("/health/live", summary="Whether the process answers", responses={200: {"model": HealthDocument}})
    async def live(_: Request) -> Response:
        return json_response({"status": "ok"})

    answers = responses({"model": HealthDocument}) | {503: {"model": HealthDocument, "description": "Not ready"}}

    @router.get("/health/ready", summary="Whether it can work", responses=answers)
    @router.get("/ready", summary="Whether it can work", responses=answers)
    async def ready(_: Request) -> Response:
        report = await health.report()
        response = json_response(report.as_dict(), status=200 if report.ready else 503)
        if not report.ready:
            response.headers["Retry-After"] = "1"
        return response

    return router


def pool_routes(*, gate: Gate, pool: Pool) -> APIRouter:
    """The pool's figures."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/pool/stats",
        summary="Lanes, waiting and durations",
        responses=responses({"model": PoolDocument}, 401, 403, 429, 500, 503),
    )
    async def statistics(request: Request) -> Response:
        await gate.admit(request, "agent:read")
        return json_response({**pool.statistics(), "worker": worker()})

    return router


def metrics_routes(*, gate: Gate, metrics: Metrics) -> APIRouter:
    """The metrics, for a scraper with a key that has `metrics:read`."""
    router = APIRouter(tags=["operations"])
    turn = asyncio.Lock()

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        response_class=Response,
        responses=responses({"content": {"text/plain": {"schema": {"type": "string"}}}}, 401, 403, 429, 500, 503),
    )
    async def scrape(request: Request) -> Response:
        await gate.admit(request, "metrics:read")
        async with turn:
            page = await _written(metrics)
        return Response(page, headers={"Content-Type": CONTENT_TYPE})

    return router


async def _written(metrics: Metrics) -> bytes:
    """The page, written beside the loop: thousands of series take a tenth of a second, which nobody else shall wait."""
    # A thread of its own, since tools may hold all of the loop's; it ends with the page, and keeps no server from it.
    thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, metrics.render)
    finally:
        thread.shutdown(wait=False)

"""`POST /agent/execute`, whole or as events, and `POST /agent/batch`."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bullpen.api.body import body_of, requests_of
from bullpen.api.documents import EVENTS, body, responses
from bullpen.api.errors import run_problem
from bullpen.api.gate import Gate
from bullpen.api.hangup import HangUp
from bullpen.api.json import json_response
from bullpen.api.sse import EventStream, wants_events
from bullpen.api.wire import (
    AnswerDocument,
    BatchBody,
    BatchDocument,
    ExecuteBody,
    FailedRunDocument,
    answer_document,
)
from bullpen.errors import BullpenError
from bullpen.execution import Batch, Execution
from bullpen.messages import Answer

__all__ = ["routes"]


def routes(*, gate: Gate, execution: Execution, batch: Batch, heartbeat: float) -> APIRouter:
    """The routes that run agents. `heartbeat` is in seconds."""
    router = APIRouter(tags=["agents"])

    @router.post(
        "/agent/execute",
        summary="Run one task",
        description="Answers as JSON, or as server-sent events when `Accept` says `text/event-stream`.",
        responses=responses(
            {"model": AnswerDocument, "content": EVENTS},
            *(400, 401, 403, 404, 413, 415, 422, 429, 500, 502, 503, 504),
            problem=FailedRunDocument,
        ),
        openapi_extra=body(ExecuteBody),
    )
    async def execute(request: Request) -> Response:
        caller = await gate.admit(request, runs=1)
        wanted = (await body_of(request, ExecuteBody)).request()
        deadline, spend = request.state.deadline, request.state.visit.spend
        if wants_events(",".join(request.headers.getlist("accept"))):
            return EventStream(execution.stream(wanted, caller, deadline=deadline, spend=spend), heartbeat=heartbeat)
        async with HangUp(request.receive):
            answer = await execution.execute(wanted, caller, deadline=deadline, spend=spend)
        return json_response(answer_document(answer))

    @router.post(
        "/agent/batch",
        summary="Run many tasks",
        description="Every request is checked, run and answered on its own; the results keep the requests' order.",
        responses=responses({"model": BatchDocument}, 400, 401, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=body(BatchBody),
    )
    async def execute_batch(request: Request) -> Response:
        caller = await gate.admit(request)
        items = requests_of(await body_of(request, BatchBody))
        # The batch itself was charged at the gate, before its body was read.
        await gate.charge(request, caller, requests=len(items) - 1, runs=len(items))
        deadline, spend = request.state.deadline, request.state.visit.spend
        async with HangUp(request.receive):
            results = await batch.execute(items, caller, deadline=deadline, spend=spend)
        return json_response({"results": [_result(result, request) for result in results]})

    return router


def _result(result: Answer | BullpenError, request: Request) -> dict[str, Any]:
    if isinstance(result, Answer):
        return answer_document(result)
    return run_problem(result, scope=request.scope)

"""`GET /audit/log`, `/audit/verify` and `/audit/export`: what happened, and whether it is still told as it was."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bullpen.api.documents import responses
from bullpen.api.gate import Gate
from bullpen.api.hangup import HangUp
from bullpen.api.json import json_response
from bullpen.api.query import Asked, parameter, query
from bullpen.caller import Caller
from bullpen.errors import DeadlineExceeded, DependencyDown, Forbidden, NotFound
from bullpen.outbox import Outbox
from bullpen.security.audit import DEFAULT_LIMIT, HOUSE, MOST, Audit, AuditLog, EventType, Outcome, Wanted
from bullpen.security.authorization import Resource

__all__ = ["AuditDocument", "VerificationDocument", "routes"]

_SETTLED_WITHIN: Final = 1.0  # seconds; what is not delivered by then is in the next answer
_JSON_LINES: Final = "application/x-ndjson"

_TENANT: Final = (parameter("tenant", "Whose chain: your tenant when left out; `-`, nobody's, is for the operator"),)
_FILTERS: Final = (
    parameter("user_id", "Only rows about this user; without `audit:read` it is always yourself"),
    parameter("event_type", "Only rows of this type", type="string", enum=[each.value for each in EventType]),
    *_TENANT,
)
_PAGING: Final = (
    parameter("limit", "Rows a page", type="integer", minimum=1, maximum=MOST, default=DEFAULT_LIMIT),
    parameter("cursor", "The `next` of the page before"),
)
_LINES: Final = {_JSON_LINES: {"schema": {"type": "string", "description": "One record a line"}}}


class RecordDocument(BaseModel):
    """One row. What was erased is null."""

    timestamp: float = Field(description="Seconds since 1970")
    event_type: str
    details: dict[str, JsonValue]
    ip_address: str | None
    user_id: str | None
    tenant: str
    outcome: str
    request_id: str
    route: str
    user_agent: str | None
    credential: str
    erased: bool = Field(description="Whether personal values of this row were erased")
    id: str
    number: int
    previous: str
    hash: str


class AuditDocument(BaseModel):
    """A page of the trail, newest row first."""

    audit_log: list[RecordDocument]
    next: str | None = Field(description="The cursor of the page after; null when this is the last")


class FaultDocument(BaseModel):
    """The first thing that is wrong with a chain."""

    number: int
    through: int
    kind: str
    detail: str


class VerificationDocument(BaseModel):
    """What was found out about a chain."""

    tenant: str
    intact: bool
    rows: int
    pruned: int = Field(description="Rows up to this one were removed because their time was over")
    through: int = Field(description="The last row that was looked at")
    signed: int = Field(description="The last row below a genuine checkpoint")
    erased: int = Field(description="Rows with personal values that were erased")
    fault: FaultDocument | None


def routes(*, gate: Gate, log: AuditLog, audit: Audit, outbox: Outbox) -> APIRouter:
    """The routes of the trail. To look at it is an event, too."""
    router = APIRouter(tags=["audit"])
    _add_reading(router, gate=gate, log=log, audit=audit, outbox=outbox)
    turn = asyncio.Lock()  # a verification reads a whole chain: one at a time in each process is enough

    @router.get(
        "/audit/verify",
        summary="Verify the chain",
        responses=responses({"model": VerificationDocument}, 401, 403, 404, 422, 429, 500, 503, 504),
        openapi_extra=query(*_TENANT),
    )
    async def verified(request: Request) -> Response:
        caller = await gate.admit(request, "audit:read")
        tenant = _tenant(Asked(request, *_TENANT), gate, caller)
        await _settled(outbox)
        async with _in_time(request), turn:
            found = await log.verify(tenant)
        outcome: Outcome = "success" if found.intact else "error"
        audit.record(EventType.AUDIT_VERIFIED, caller, outcome=outcome, through=found.through, chain=tenant)
        return json_response(found.as_dict())

    return router


def _add_reading(router: APIRouter, *, gate: Gate, log: AuditLog, audit: Audit, outbox: Outbox) -> None:
    @router.get(
        "/audit/log",
        summary="Read what happened",
        responses=responses({"model": AuditDocument}, 401, 403, 404, 422, 429, 500, 503),
        openapi_extra=query(*_FILTERS, *_PAGING),
    )
    async def listed(request: Request) -> Response:
        caller = await gate.admit(request, "audit:read:own")
        asked = Asked(request, *_FILTERS, *_PAGING)
        wanted = _wanted(asked, gate, caller)
        limit, cursor = asked.number("limit", least=1, most=MOST, default=DEFAULT_LIMIT), asked.text("cursor")
        await _settled(outbox)
        page = await log.entries(wanted, limit=limit, cursor=cursor)
        audit.record(EventType.AUDIT_READ, caller, rows=len(page.records), chain=wanted.tenant)
        return json_response({"audit_log": [each.as_dict() for each in page.records], "next": page.next})

    @router.get(
        "/audit/export",
        summary="Export as JSON lines, oldest row first",
        response_class=Response,
        responses=responses({"content": _LINES}, 401, 403, 404, 422, 429, 500, 503),
        openapi_extra=query(*_FILTERS),
    )
    async def exported(request: Request) -> Response:
        caller = await gate.admit(request, "audit:read:own")
        wanted = _wanted(Asked(request, *_FILTERS), gate, caller)
        await _settled(outbox)
        lines = log.export(wanted)
        first = await anext(lines, b"")  # a database that is away is told by a status, before any of it is sent
        audit.record(EventType.AUDIT_READ, caller, export=True, chain=wanted.tenant)
        return StreamingResponse(_all(first, lines), media_type=_JSON_LINES)


def _wanted(asked: Asked, gate: Gate, caller: Caller) -> Wanted:
    """What the caller may have of what they ask for: who may not read their tenant's trail is shown what they did."""
    tenant, kind = _tenant(asked, gate, caller), asked.one_of("event_type", [each.value for each in EventType])
    if gate.allows(caller, "audit:read"):
        return Wanted(tenant=tenant, user_id=asked.text("user_id"), event_type=kind)
    return Wanted(tenant=tenant, user_id=caller.user_id, as_actor=True, event_type=kind)


def _tenant(asked: Asked, gate: Gate, caller: Caller) -> str:
    tenant = asked.text("tenant") or caller.tenant
    if tenant == HOUSE:
        gate.require(caller, "audit:read:house")
    elif tenant != caller.tenant:
        with suppress(Forbidden):  # it is one, and on record as one; to answer so would tell which chains there are
            gate.require(caller, "audit:read", Resource(kind="audit", id=tenant, tenant=tenant))
        raise NotFound("There is no such chain. Leave `tenant` out for your own.")
    return tenant


async def _settled(outbox: Outbox) -> None:
    """Waits a moment for what was done before to be delivered, so that people find it."""
    with suppress(DependencyDown, TimeoutError):
        async with asyncio.timeout(_SETTLED_WITHIN):
            await outbox.settle()


@asynccontextmanager
async def _in_time(request: Request) -> AsyncIterator[None]:
    """Ends when the caller hangs up, or when no time is left."""
    try:
        async with HangUp(request.receive), asyncio.timeout(request.state.deadline.remaining()):
            yield
    except TimeoutError:
        raise DeadlineExceeded("The chain is too long to be verified here. Use `bullpen audit verify`.") from None


async def _all(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        yield first
        async for lines in rest:
            yield lines

"""The routes of the trail, over a real trail: who sees what, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import httpx
import orjson
import pytest
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.routing import Route, Router

from bullpen.api.desk import Desk
from bullpen.api.gate import Gate
from bullpen.api.middleware import Arrival
from bullpen.api.routes.audit import AuditDocument, VerificationDocument, routes
from bullpen.caller import Caller
from bullpen.errors import DependencyDown, Forbidden
from bullpen.security.audit import HOUSE, Audit
from bullpen.security.authorization import HOUSE as NOTHING
from bullpen.security.authorization import Resource
from bullpen.telemetry import Metrics
from tests.stubs.kept import Kept
from tests.stubs.trail import fact, facts, log_in, tamper, trail_tables

GRANTED = {
    "operator": {"audit:read", "audit:read:own", "audit:read:house"},
    "auditor": {"audit:read", "audit:read:own"},
    "ann": {"audit:read:own"},
}


class Door:
    """A gate that believes the header `X-User`, and grants what is in the table; writes down what it refused."""

    def __init__(self) -> None:
        self.denied: list[tuple[str, str]] = []

    async def admit(self, request: Request, permission: str) -> Caller:
        caller = Caller(user_id=request.headers["x-user"], tenant="acme", credential="test")
        self.require(caller, permission)
        return caller

    def allows(self, caller: Caller, permission: str) -> bool:
        return permission in GRANTED[caller.user_id]

    def require(self, caller: Caller, permission: str, resource: Resource = NOTHING) -> None:
        if not self.allows(caller, permission) or resource.tenant not in {None, caller.tenant}:
            self.denied.append((permission, resource.id))
            raise Forbidden("No.")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    async with trail_tables(tmp_path) as engine:
        log = log_in(engine)
        await log.deliver([*facts(range(1, 8)), fact(8, actor="bob"), fact(9, tenant=HOUSE, actor="")])
        await log.deliver([fact(10, actor="bob", details={"user_id": "ann"}), fact(11, tenant="zeta")])
        yield engine


class Unsettled(Kept):
    """An outbox that may fail to settle, with a word or in silence."""

    settled = True
    silent = False
    asked = False

    async def settle(self) -> None:
        self.asked = True
        if self.settled:
            return
        if self.silent:
            await asyncio.Event().wait()
        raise DependencyDown("Not delivered yet.")


@pytest.fixture
def outbox() -> Unsettled:
    return Unsettled()


@pytest.fixture
def audit(outbox: Kept) -> Audit:
    return Audit(outbox)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def client(engine: AsyncEngine, outbox: Kept, audit: Audit, door: Door) -> AsyncIterator[httpx.AsyncClient]:
    made = routes(gate=cast("Gate", door), log=log_in(engine), audit=audit, outbox=outbox)
    desks = [Route(each.path, Desk(each.endpoint)) for each in made.routes if isinstance(each, APIRoute)]
    app = Arrival(Router(desks), metrics=Metrics(), timeout=20)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        yield client


async def numbers(client: httpx.AsyncClient, user: str, query: str = "") -> list[int]:
    answer = await client.get(f"/audit/log?{query}", headers={"X-User": user})
    assert answer.status_code == 200, answer.text
    return [row["number"] for row in AuditDocument.model_validate(answer.json()).model_dump()["audit_log"]]


async def status(client: httpx.AsyncClient, user: str, path: str) -> int:
    return (await client.get(path, headers={"X-User": user})).status_code


async def test_an_auditor_sees_the_tenant(client: httpx.AsyncClient) -> None:
    """All of it, or what is about one user; nothing of another tenant."""
    assert await numbers(client, "auditor") == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert await numbers(client, "auditor", "user_id=bob") == [9, 8]
    assert await numbers(client, "auditor", "user_id=ann&limit=2") == [9, 7]
    assert await numbers(client, "auditor", "event_type=audit_read") == []


@pytest.mark.parametrize("query", ["", "user_id=bob", "user_id=ann", "tenant=acme"])
async def test_a_user_sees_what_they_did(client: httpx.AsyncClient, query: str) -> None:
    """Whomever they ask for; and not what others did to them, which tells of those others."""
    assert await numbers(client, "ann", query) == [7, 6, 5, 4, 3, 2, 1]


async def test_nobodys_chain_is_the_operators(client: httpx.AsyncClient) -> None:
    """For others it is forbidden, and another tenant's chain is not there."""
    assert await numbers(client, "operator", "tenant=-") == [1]
    for path in ("/audit/log", "/audit/verify", "/audit/export"):
        assert await status(client, "auditor", f"{path}?tenant=-") == 403
        assert await status(client, "operator", f"{path}?tenant=zeta") == 404
    assert await status(client, "ann", "/audit/verify") == 403


async def test_a_look_at_another_chain_is_refused_and_not_only_missed(client: httpx.AsyncClient, door: Door) -> None:
    """The answer is the same whether the chain is there or not, and the policy has refused either."""
    answers = [await client.get(f"/audit/log?tenant={each}", headers={"X-User": "ann"}) for each in ("zeta", "none")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert door.denied == [("audit:read", "zeta"), ("audit:read", "none")]


async def test_pages_are_turned_by_the_cursor(client: httpx.AsyncClient) -> None:
    """`next` leads to the page after, and is null at the end."""
    first = (await client.get("/audit/log?limit=5", headers={"X-User": "auditor"})).json()
    assert await numbers(client, "auditor", f"limit=5&cursor={first['next']}") == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=abc", "limit"),
        ("event_type=nonsense", "event_type"),
        ("event_type=' OR 1=1", "event_type"),
        ("cursor=abc", "cursor"),
        ("cursor=-1", "cursor"),
        ("userid=ann", "userid"),
        ("limit=1&limit=2", "limit"),
    ],
)
async def test_a_query_that_is_wrong_is_refused(client: httpx.AsyncClient, query: str, field: str) -> None:
    """With 422 and the name of the field."""
    answer = await client.get(f"/audit/log?{query}", headers={"X-User": "auditor"})
    assert answer.status_code == 422, answer.text
    assert [each["path"] for each in answer.json()["fields"]] == [field]


async def test_what_looks_like_sql_is_a_name(client: httpx.AsyncClient) -> None:
    """Which nobody has."""
    for name in ("' OR '1'='1", "ann'; DROP TABLE audit_rows;--", "%25", "a%00nn"):
        assert await numbers(client, "auditor", f"user_id={name}") == []
    assert len(await numbers(client, "auditor")) == 9


async def test_a_broken_chain_is_told(
    client: httpx.AsyncClient, engine: AsyncEngine, audit: Audit, outbox: Kept
) -> None:
    """The answer names the row; that somebody looked is an event."""
    whole = (await client.get("/audit/verify", headers={"X-User": "auditor"})).json()
    assert VerificationDocument.model_validate(whole).intact
    await tamper(engine, "DELETE FROM audit_rows WHERE tenant = 'acme' AND number = 4")
    broken = (await client.get("/audit/verify", headers={"X-User": "auditor"})).json()
    assert broken["fault"] == {"number": 4, "through": 4, "kind": "removed", "detail": "row 4 was removed."}
    await audit.commit()
    assert [(each.type, each.outcome) for each in outbox.events] == [
        ("audit_verified", "success"),
        ("audit_verified", "error"),
    ]


async def test_reading_is_an_event(client: httpx.AsyncClient, audit: Audit, outbox: Kept) -> None:
    """Who read how much of whose chain; what is not answered is not one."""
    await numbers(client, "ann", "limit=3")
    await status(client, "ann", "/audit/log?limit=0")
    await audit.commit()
    (event,) = outbox.events
    assert (event.type, event.actor, event.details) == ("audit_read", "ann", {"rows": 3, "chain": "acme"})


async def test_an_export_is_an_event(client: httpx.AsyncClient, audit: Audit, outbox: Kept) -> None:
    """Who took whose chain away."""
    await client.get("/audit/export", headers={"X-User": "auditor"})
    await audit.commit()
    (event,) = outbox.events
    assert (event.type, event.actor, event.details) == ("audit_read", "auditor", {"export": True, "chain": "acme"})


async def test_an_export_is_json_lines(client: httpx.AsyncClient) -> None:
    """Oldest first, and what the caller may see; an empty one is empty."""
    answer = await client.get("/audit/export", headers={"X-User": "ann"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [orjson.loads(line)["number"] for line in answer.content.splitlines()] == [1, 2, 3, 4, 5, 6, 7]
    empty = await client.get("/audit/export?event_type=audit_read", headers={"X-User": "ann"})
    assert (empty.status_code, empty.content) == (200, b"")


@pytest.mark.parametrize("silent", [True, False])
async def test_a_trail_that_cannot_be_settled_is_read_all_the_same(
    client: httpx.AsyncClient, outbox: Unsettled, silent: bool
) -> None:
    """Whether the outbox says so or says nothing: what is not delivered yet is in the next answer."""
    outbox.settled, outbox.silent = False, silent
    assert len(await numbers(client, "auditor")) == 9
    assert outbox.asked

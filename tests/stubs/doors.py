"""The hall, the gate and the routes of keys and tokens in this process, over memory and a clock that stands still."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router

from bullpen.api.address import networks
from bullpen.api.desk import Desk
from bullpen.api.gate import Gate
from bullpen.api.json import json_response
from bullpen.api.middleware import Arrival
from bullpen.api.routes import auth, keys
from bullpen.execution import Authority
from bullpen.limits import Policy, Rules, Turnstile
from bullpen.limits.local import LocalLimiter
from bullpen.security.audit import Audit, Event, EventType
from bullpen.security.authentication import Authenticator, Guesses
from bullpen.telemetry import Metrics
from tests.stubs import policy, sessions
from tests.stubs.clock import StillClock
from tests.stubs.kept import Kept

__all__ = ["ADDRESS", "PROXY", "Doors", "doors"]

ADDRESS: Final = "192.0.2.7"
PROXY: Final = "198.51.100.1"
"""What it says about a client is believed."""

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Doors:
    """A door and what is behind it.

    Beside the routes of keys and tokens there are `/thing`, which needs `data:read`, `/run`, which reserves tokens for
    one run and uses as many as `?spend=` says, `/batch`, which is charged for as many more as `?more=`, and `/late`,
    where something happens after all was sent.
    """

    clock: StillClock
    outbox: Kept
    metrics: Metrics
    replica: sessions.Replica
    client: httpx.AsyncClient
    app: Arrival

    @property
    def events(self) -> list[Event]:
        """What was recorded."""
        return self.outbox.events

    @property
    def types(self) -> list[str]:
        """The same, by name."""
        return self.outbox.types

    def forget(self) -> None:
        """Asks only for what is recorded from here on."""
        self.outbox.appends.clear()
        self.outbox.stricts.clear()

    async def key(self, *roles: str, tenant: str = "acme", user_id: str = "ann", **given: Any) -> str:
        """A fresh key of that user."""
        key, record = self.replica.locksmith.cut(name="made", user_id=user_id, tenant=tenant, roles=roles, **given)
        await self.replica.locksmith.add(record)
        return key.text

    async def get(self, path: str, key: str = "", **options: Any) -> httpx.Response:
        """What `GET` answers to whoever has this key."""
        return await self.ask("GET", path, key, **options)

    async def ask(self, method: str, path: str, key: str = "", **options: Any) -> httpx.Response:
        """What the door answers to whoever has this key."""
        headers = {"X-API-Key": key} if key else {}
        answer = await self.client.request(method, path, headers=headers | options.pop("headers", {}), **options)
        await asyncio.sleep(0)  # the hall ends a request in a task of its own, which takes a turn of the loop
        return answer


@asynccontextmanager
async def doors(
    *,
    rules: Rules | None = None,
    mfa_routes: Sequence[str] = (),
    guesses: int = 100,
    outbox: Kept | None = None,
    address: str = ADDRESS,
) -> AsyncIterator[Doors]:
    """A door where little is limited, unless `rules` say so."""
    clock, kept, metrics = StillClock(), outbox or Kept(), Metrics()
    audit, replica = Audit(kept, clock=clock), sessions.replica(clock)
    shipped = policy.shipped()
    turnstile = Turnstile(policy=Policy(rules or Rules(levels={})), limiter=LocalLimiter(clock=clock), metrics=metrics)
    await replica.look()
    gate = Gate(
        authenticator=Authenticator(replica.ring, replica.tokens),
        guesses=Guesses(most=guesses, clock=clock),
        turnstile=turnstile,
        authority=Authority(shipped, audit=audit, metrics=metrics),
        audit=audit,
        metrics=metrics,
        mfa_routes=mfa_routes,
        acr_values=("strong",),
        tokens_per_run=100,
    )
    routers = [
        auth.routes(gate=gate, sessions=replica.sessions, audit=audit),
        keys.routes(gate=gate, locksmith=replica.locksmith, audit=audit, roles=lambda: shipped.policies.roles),
        _plain(gate, audit),
    ]
    routes = [each for router in routers for each in router.routes if isinstance(each, APIRoute)]
    desks = Router([Route(each.path, Desk(each.endpoint), methods=each.methods) for each in routes])
    app = Arrival(desks, metrics=metrics, timeout=20, proxies=networks([PROXY]))
    transport = httpx.ASGITransport(app, client=(address, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://bullpen") as client:
        yield Doors(clock=clock, outbox=kept, metrics=metrics, replica=replica, client=client, app=app)


def _plain(gate: Gate, audit: Audit) -> APIRouter:
    router = APIRouter()

    @router.get("/thing")
    async def thing(request: Request) -> Response:
        caller = await gate.admit(request, "data:read")
        return json_response({"user_id": caller.user_id})

    @router.post("/run")
    async def run(request: Request) -> Response:
        await gate.admit(request, runs=1)
        request.state.visit.spend(int(request.query_params.get("spend", "0")))
        return json_response({})

    @router.get("/batch")
    async def batch(request: Request) -> Response:
        caller = await gate.admit(request)
        await gate.charge(request, caller, requests=int(request.query_params["more"]), runs=0)
        return json_response({})

    @router.get("/late")
    async def late(request: Request) -> Response:
        caller = await gate.admit(request)

        async def parts() -> AsyncIterator[bytes]:
            yield b"all"
            audit.record(EventType.DATA_READ, caller)
            raise LookupError

        return StreamingResponse(parts())

    return router

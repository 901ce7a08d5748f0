"""The application: the hall around the desks, over the services `bootstrap` has made.

FastAPI describes the routes and Starlette's router finds them; between the two there is nothing. Our handlers read the
request and write the response themselves, and every error ends in the hall, so the frameworks' own steps for that would
only be walked through: leaving them out saves 0.15 ms of CPU a request.
"""

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from bullpen.api.address import networks
from bullpen.api.desk import Desk
from bullpen.api.gate import Gate
from bullpen.api.middleware import Arrival, BodyLimit
from bullpen.api.middleware.cors import Cors
from bullpen.api.routes import (
    agents,
    audit,
    auth,
    breakers,
    contract,
    execute,
    keys,
    operate,
    scaling,
    security,
)
from bullpen.bootstrap import Services
from bullpen.errors import Misconfigured
from bullpen.execution import Batch
from bullpen.settings import Settings

__all__ = ["create_app", "described", "gate_of", "served"]


def create_app(services: Services, settings: Settings) -> ASGIApp:
    """The application over services that are open; it opens and closes nothing itself."""
    return served(described(services, settings), services, settings)


def served(routes: Iterable[APIRoute], services: Services, settings: Settings) -> ASGIApp:
    """The hall around these routes."""
    desks = [Route(each.path, Desk(each.endpoint), methods=each.methods) for each in routes]
    router = Router(desks, redirect_slashes=False)
    limited = BodyLimit(router, default=settings.http.max_body_bytes, routes=settings.http.body_limits)
    http = settings.http
    app: ASGIApp = Arrival(
        limited,
        metrics=services.metrics,
        timeout=settings.agent_timeout,
        proxies=networks(http.trusted_proxies),
        forwarded_by=http.forwarded_by.encode(),
    )
    if http.cors_origins:
        # Outermost, for a page must be able to read a refusal, too.
        app = Cors(app, origins=http.cors_origins, credentials=http.cors_credentials)
    return app


def gate_of(services: Services, settings: Settings) -> Gate:
    """The gate every route is behind."""
    return Gate(
        authenticator=services.authenticator,
        guesses=services.guesses,
        turnstile=services.turnstile,
        authority=services.authority,
        audit=services.audit,
        metrics=services.metrics,
        mfa_routes=settings.auth.mfa_routes,
        acr_values=settings.auth.mfa_acr_values,
        # A place is given back when the request ends; this is for a replica that dies with it.
        lease=settings.agent_timeout + settings.shutdown_grace,
        tokens_per_run=settings.limits.tokens_per_run,
    )


def described(services: Services, settings: Settings) -> list[APIRoute]:
    """Every route, with what the OpenAPI document says of it."""
    gate = gate_of(services, settings)
    execution = services.execution
    batch = Batch(execution, concurrency=settings.http.batch_concurrency)
    routers = [
        execute.routes(gate=gate, execution=execution, batch=batch, heartbeat=settings.http.heartbeat),
        operate.health_routes(health=services.health),
        agents.routes(gate=gate, execution=execution, catalogue=services.catalogue),
        operate.pool_routes(gate=gate, pool=services.pool),
        breakers.routes(gate=gate, breakers=services.safeguards.breakers),
        scaling.routes(gate=gate, scaler=services.scaler, tuner=services.tuner),
        *_security(services, gate),
    ]
    if settings.enable_metrics:
        routers.append(operate.metrics_routes(gate=gate, metrics=services.metrics))
    routers.append(contract.routes(routers, gate=gate))
    found = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    _refuse_unmatched(settings.auth.mfa_routes, found)
    return found


def _refuse_unmatched(patterns: Sequence[str], routes: Iterable[APIRoute]) -> None:
    """A pattern that fits no route would guard nothing, and nobody would know."""
    paths = sorted({route.path for route in routes})
    unmatched = [each for each in patterns if not any(fnmatchcase(path, each) for path in paths)]
    if unmatched:
        there_are = f"fits no route. There are {', '.join(paths)}."
        raise Misconfigured(*(f"AUTH__MFA_ROUTES: `{each}` {there_are}" for each in unmatched))


def _security(services: Services, gate: Gate) -> list[APIRouter]:
    def roles() -> Collection[str]:
        return services.policy.policies.roles

    return [
        auth.routes(gate=gate, sessions=services.sessions, audit=services.audit),
        keys.routes(gate=gate, locksmith=services.locksmith, audit=services.audit, roles=roles),
        audit.routes(gate=gate, log=services.audit_log, audit=services.audit, outbox=services.outbox),
        security.routes(gate=gate, posture=services.posture),
    ]

"""The application: the hall, the desks, and the page of errors, around the services `bootstrap` has made."""

from fastapi import FastAPI
from starlette.middleware import Middleware

from bullpen import __version__
from bullpen.api import errors
from bullpen.api.gate import Gate
from bullpen.api.middleware import Arrival, BodyLimit, SecurityHeaders
from bullpen.api.openapi import openapi_route
from bullpen.api.routes import agents, execute, operate
from bullpen.bootstrap import Services
from bullpen.execution import Batch
from bullpen.settings import Settings

__all__ = ["create_app"]


def create_app(services: Services, settings: Settings) -> FastAPI:
    """The application over services that are open; it opens and closes nothing itself."""
    app = FastAPI(
        title="Bullpen",
        version=__version__,
        description="Serves Agno agents in production.",
        # The pages would load scripts from elsewhere, and the document is for callers with a key.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[
            Middleware(Arrival, metrics=services.metrics, timeout=settings.agent_timeout),
            Middleware(SecurityHeaders),
            Middleware(BodyLimit, default=settings.http.max_body_bytes, routes=settings.http.body_limits),
        ],
    )
    errors.install(app)
    gate = Gate(authenticator=services.authenticator, policy=services.policy)
    execution = services.execution
    batch = Batch(execution, concurrency=settings.http.batch_concurrency)
    app.include_router(operate.health_routes(health=services.health))
    app.include_router(execute.routes(gate=gate, execution=execution, batch=batch, heartbeat=settings.http.heartbeat))
    app.include_router(agents.routes(gate=gate, execution=execution, catalogue=services.catalogue))
    app.include_router(operate.pool_routes(gate=gate, pool=services.pool))
    if settings.enable_metrics:
        app.include_router(operate.metrics_routes(gate=gate, metrics=services.metrics))
    app.include_router(openapi_route(app, gate=gate))
    return app

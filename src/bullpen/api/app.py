"""The application: the hall around the desks, over the services `bootstrap` has made.

FastAPI describes the routes and Starlette's router finds them; between the two there is nothing. Our handlers read the
request and write the response themselves, and every error ends in the hall, so the frameworks' own steps for that would
only be walked through: leaving them out saves 0.15 ms of CPU a request.
"""

from fastapi.routing import APIRoute
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from bullpen.api.desk import Desk
from bullpen.api.gate import Gate
from bullpen.api.middleware import Arrival, BodyLimit
from bullpen.api.routes import agents, contract, execute, operate
from bullpen.bootstrap import Services
from bullpen.execution import Batch
from bullpen.settings import Settings

__all__ = ["create_app", "described"]


def create_app(services: Services, settings: Settings) -> ASGIApp:
    """The application over services that are open; it opens and closes nothing itself."""
    served = [Route(each.path, Desk(each.endpoint), methods=each.methods) for each in described(services, settings)]
    desks = Router(served, redirect_slashes=False)
    limited = BodyLimit(desks, default=settings.http.max_body_bytes, routes=settings.http.body_limits)
    return Arrival(limited, metrics=services.metrics, timeout=settings.agent_timeout)


def described(services: Services, settings: Settings) -> list[APIRoute]:
    """Every route, with what the OpenAPI document says of it."""
    gate = Gate(authenticator=services.authenticator, policy=services.policy)
    execution = services.execution
    batch = Batch(execution, concurrency=settings.http.batch_concurrency)
    routers = [
        execute.routes(gate=gate, execution=execution, batch=batch, heartbeat=settings.http.heartbeat),
        operate.health_routes(health=services.health),
        agents.routes(gate=gate, execution=execution, catalogue=services.catalogue),
        operate.pool_routes(gate=gate, pool=services.pool),
    ]
    if settings.enable_metrics:
        routers.append(operate.metrics_routes(gate=gate, metrics=services.metrics))
    routers.append(contract.routes(routers, gate=gate))
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

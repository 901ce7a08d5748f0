"""The same behind all of Bullpen's guards: a route that admits and answers `{}`.

Everything around the route is as `bullpen serve` has it. Runs as `python -m benchmarks.peers.guarded PORT`.
"""

import asyncio
import sys

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.serving import serve
from bullpen.api import Connection
from bullpen.api.app import gate_of, served
from bullpen.api.json import json_response
from bullpen.bootstrap import Services, bootstrap
from bullpen.settings import Settings

__all__: list[str] = []


def routes(services: Services, settings: Settings) -> list[APIRoute]:
    """The guarded route, and one that says when the server is up."""
    gate, router = gate_of(services, settings), APIRouter()

    @router.post("/nothing")
    async def nothing(request: Request) -> Response:
        await gate.admit(request, "agent:read")
        return json_response({})

    @router.get("/ready")
    async def ready(_: Request) -> Response:
        return json_response({})

    return [route for route in router.routes if isinstance(route, APIRoute)]


async def main(port: int) -> None:
    """Until a signal comes."""
    settings = Settings.load()
    async with bootstrap(settings) as services:
        app = served(routes(services, settings), services, settings)
        await serve(app, port, http=Connection)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

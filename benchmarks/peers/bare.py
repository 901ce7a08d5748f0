"""A bare Starlette POST that does nothing and answers `{}`. Runs as `python -m benchmarks.peers.bare PORT`."""

import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.peers.serving import run

__all__: list[str] = []


async def nothing(_request: Request) -> JSONResponse:
    """Does nothing."""
    return JSONResponse({})


if __name__ == "__main__":
    routes = [Route("/nothing", nothing, methods=["POST"]), Route("/ready", nothing)]
    run(Starlette(routes=routes), int(sys.argv[1]))

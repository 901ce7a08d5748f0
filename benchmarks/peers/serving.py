"""uvicorn with the settings and the loop that `bullpen serve` has, for programs that are compared with it."""

import asyncio
import gc
from typing import Any, Literal

import uvicorn
from starlette.types import ASGIApp

from bullpen.cli.listener import IDLE

__all__ = ["run", "serve"]


def run(app: ASGIApp, port: int) -> None:
    """Serves with uvicorn's own protocol, until a signal comes."""
    asyncio.run(serve(app, port))


async def serve(app: ASGIApp, port: int, *, http: type[Any] | Literal["httptools"] = "httptools") -> None:
    """Serves in a loop that runs already."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=port,
            http=http,
            ws="none",
            timeout_keep_alive=IDLE,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
    )
    await server.serve()

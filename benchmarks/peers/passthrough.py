"""The floor: Starlette takes a task, aiohttp asks the model, the answer goes back, or its events do.

No agent, and nothing governed.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from benchmarks.peers.events import are_wanted

__all__ = ["app"]

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Opens the client for as long as the server runs."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as app.state.client:
        yield


async def run(request: Request) -> Response:
    """Asks the model."""
    task = (await request.json())["task"]
    body = {"model": "stub", "messages": [{"role": "user", "content": task}]}
    if are_wanted(request):
        return StreamingResponse(passed(request.app.state.client, body), media_type="text/event-stream")
    async with request.app.state.client.post(URL, json=body) as response:
        answer = await response.json()
    return JSONResponse({"result": answer["choices"][0]["message"]["content"]})


async def passed(client: aiohttp.ClientSession, body: dict[str, Any]) -> AsyncIterator[bytes]:
    """The model's own events, byte by byte as they come."""
    async with client.post(URL, json=body | {"stream": True}) as response:
        async for piece in response.content.iter_any():
            yield piece


async def ready(_request: Request) -> PlainTextResponse:
    """Says that it is up."""
    return PlainTextResponse("ok")


app = Starlette(routes=[Route("/run", run, methods=["POST"]), Route("/ready", ready)], lifespan=lifespan)

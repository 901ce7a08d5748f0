"""The floor: Starlette takes a task, aiohttp asks the model, the answer goes back. No agent, and nothing governed."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

__all__ = ["app"]

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Opens the client for as long as the server runs."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as app.state.client:
        yield


async def run(request: Request) -> JSONResponse:
    """Asks the model."""
    task = (await request.json())["task"]
    body = {"model": "stub", "messages": [{"role": "user", "content": task}]}
    async with request.app.state.client.post(URL, json=body) as response:
        answer = await response.json()
    return JSONResponse({"result": answer["choices"][0]["message"]["content"]})


async def ready(_request: Request) -> PlainTextResponse:
    """Says that it is up."""
    return PlainTextResponse("ok")


app = Starlette(routes=[Route("/run", run, methods=["POST"]), Route("/ready", ready)], lifespan=lifespan)

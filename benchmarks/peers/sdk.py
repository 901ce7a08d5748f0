"""OpenAI's SDK alone behind a Starlette route: no agent, and nothing governed. The SDK is as it comes, on httpx."""

import os
from collections.abc import AsyncIterator

from openai import AsyncOpenAI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.peers.events import are_wanted, sent

__all__ = ["app"]

client = AsyncOpenAI(api_key="none", base_url=os.environ["OPENAI_BASE_URL"], max_retries=0)


async def run(request: Request) -> Response:
    """Asks the model."""
    task = (await request.json())["task"]
    if are_wanted(request):
        return sent(words(task))
    answer = await client.chat.completions.create(model="stub", messages=[{"role": "user", "content": task}])
    return JSONResponse({"result": answer.choices[0].message.content})


async def words(task: str) -> AsyncIterator[str]:
    """The answer as it comes."""
    chunks = await client.chat.completions.create(
        model="stub", messages=[{"role": "user", "content": task}], stream=True
    )
    async for chunk in chunks:
        for choice in chunk.choices:
            if choice.delta.content:
                yield choice.delta.content


async def ready(_request: Request) -> PlainTextResponse:
    """Says that it is up."""
    return PlainTextResponse("ok")


app = Starlette(routes=[Route("/run", run, methods=["POST"]), Route("/ready", ready)])

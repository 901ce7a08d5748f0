"""The first question: asked over real HTTP by `bullpen serve --ask`, so that a newcomer sees it work."""

import asyncio
import json
import shlex
import sys
from typing import Final

import httpx

from bullpen.bootstrap import Services
from bullpen.cli.server import Beside, Server
from bullpen.cli.words import described

__all__ = ["ask", "asking"]

_AGENT: Final = "general"


def asking(question: str, *, url: str) -> Beside:
    """Asks beside a server; `url` is where it is reached."""

    async def beside(server: Server, services: Services) -> None:
        await ask(question, listening=server.listening, url=url, services=services)

    return beside


async def ask(question: str, *, listening: asyncio.Event, url: str, services: Services) -> None:
    """Waits until the server listens and is ready, asks, and prints the answer and how to repeat it.

    That it could not ask is printed as well: the server goes on without.
    """
    await listening.wait()
    key = services.first_key or ""
    body = {"agent_type": _AGENT, "task": question}
    try:
        said = await _answer(url, key, body)
    except httpx.HTTPError as error:
        print(f"bullpen: the first question was not answered ({type(error).__name__}).", file=sys.stderr, flush=True)
        return
    lines = [
        "",
        f"Bullpen is ready at {url}. {described(services.models)}",
        "",
        f"  Question: {question}",
        f"  Answer:   {said}",
        "",
        "Ask again:",
        "",
        f"  curl -s {url}/agent/execute -H 'X-API-Key: {key}' \\",
        f"    -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}",
        "",
        "Stop with Ctrl-C.",
    ]
    print("\n".join(lines), flush=True)


async def _answer(url: str, key: str, body: dict[str, str]) -> str:
    async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": key}, timeout=60, trust_env=False) as client:
        (await client.get("/ready")).raise_for_status()
        answer = (await client.post("/agent/execute", json=body)).json()
    return str(answer.get("result") or answer.get("error"))

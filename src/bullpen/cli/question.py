"""The first question: asked over real HTTP by `bullpen serve --ask`, so that a newcomer sees it work."""

import asyncio
import json
import shlex
from typing import Final

import httpx

from bullpen.bootstrap import Services
from bullpen.cli.words import described

__all__ = ["ask"]

_AGENT: Final = "general"


async def ask(question: str, *, listening: asyncio.Event, port: int, services: Services) -> None:
    """Waits until the server listens and is ready, asks, and prints the answer and how to repeat it."""
    await listening.wait()
    url = f"http://127.0.0.1:{port}"
    key = services.first_key or ""
    async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": key}, timeout=60, trust_env=False) as client:
        (await client.get("/ready")).raise_for_status()
        body = {"agent_type": _AGENT, "task": question}
        answer = (await client.post("/agent/execute", json=body)).json()
    said = answer.get("result") or answer.get("error")
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

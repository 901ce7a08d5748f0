"""What Agno and its client cost without any server: a loop that runs the agent, so many runs at once.

One request to `/run` with `{"connections", "seconds"}` makes it run for that long and answers with the latencies; the
HTTP around it is one request a measurement, which is nothing. Runs as `python -m benchmarks.peers.loop PORT`.
"""

import asyncio
import os
import sys
import time
import uuid
from itertools import chain

import uvicorn
from agno.run.base import RunStatus
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from benchmarks.peers.agent import make_agent

__all__ = ["app"]

agent = make_agent(base_url=os.environ["OPENAI_BASE_URL"], client=os.environ["CLIENT"])


async def lane(number: int, end: float) -> list[float]:
    """Runs the agent again and again until `end`; returns how long each run took, seconds."""
    latencies: list[float] = []
    while (begin := time.perf_counter()) < end:
        task = f"Question {number}.{len(latencies)}: what does the fox jump over, and why?"
        run, session = str(uuid.uuid4()), str(uuid.uuid4())
        output = await agent.arun(task, run_id=run, session_id=session, user_id="somebody")
        if output.status is not RunStatus.completed:
            raise RuntimeError(f"a run ended as {output.status}")
        latencies.append(time.perf_counter() - begin)
    return latencies


async def run(request: Request) -> JSONResponse:
    """Measures once."""
    body = await request.json()
    begin = time.perf_counter()
    lanes = await asyncio.gather(*(lane(number, begin + body["seconds"]) for number in range(body["connections"])))
    return JSONResponse({"seconds": time.perf_counter() - begin, "latencies": list(chain(*lanes))})


async def ready(_request: Request) -> PlainTextResponse:
    """Says that it is up."""
    return PlainTextResponse("ok")


app = Starlette(routes=[Route("/run", run, methods=["POST"]), Route("/ready", ready)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")

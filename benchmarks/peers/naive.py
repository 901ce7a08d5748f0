"""What one writes first: FastAPI, a pydantic body, a shared Agno agent, its content returned. No keys, no limits."""

import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

from agno.run.agent import RunContentEvent
from fastapi import FastAPI, Request
from pydantic import BaseModel

from benchmarks.peers.agent import make_agent
from benchmarks.peers.events import are_wanted, sent

__all__ = ["app"]

app = FastAPI()
agent = make_agent(base_url=os.environ["OPENAI_BASE_URL"], client=os.environ["CLIENT"])


class Task(BaseModel):
    """What is asked."""

    task: str


@app.get("/ready")
async def ready() -> dict[str, str]:
    """Says that it is up."""
    return {"status": "ok"}


@app.post("/run", response_model=None)
async def run(task: Task, request: Request) -> Any:
    """Runs the agent."""
    if are_wanted(request):
        return sent(words(task.task))
    output = await agent.arun(task.task, session_id=str(uuid.uuid4()), user_id="somebody")
    return {"result": output.content}


async def words(task: str) -> AsyncIterator[str]:
    """The answer as it comes."""
    async for event in agent.arun(task, session_id=str(uuid.uuid4()), user_id="somebody", stream=True):
        if isinstance(event, RunContentEvent) and event.content:
            yield str(event.content)

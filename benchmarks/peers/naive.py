"""What one writes first: FastAPI, a pydantic body, a shared Agno agent, its content returned. No keys, no limits."""

import os
import uuid
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers.agent import make_agent

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


@app.post("/run")
async def run(task: Task) -> dict[str, Any]:
    """Runs the agent."""
    output = await agent.arun(task.task, session_id=str(uuid.uuid4()), user_id="somebody")
    return {"result": output.content}

"""`bullpen run TYPE "task"`: one run, from the command line, with no server."""

import asyncio
import sys
from typing import Annotated

import orjson
import typer

from bullpen.bootstrap import crew
from bullpen.caller import Caller
from bullpen.cli.exits import told
from bullpen.errors import InvalidRequest
from bullpen.messages import MICROS_PER_DOLLAR, Answer, Delta, Done, Request
from bullpen.resilience import Deadline
from bullpen.settings import Settings

__all__ = ["run"]

# Who runs the command owns the machine, and so the catalogue.
_OPERATOR = Caller(user_id="operator", tenant="default", credential="shell", roles=frozenset({"admin"}))


def run(
    agent_type: Annotated[str, typer.Argument(help="A type of the catalogue.")],
    task: Annotated[str, typer.Argument(help="What to do.")],
    timeout: Annotated[float | None, typer.Option(min=0.001, help="Seconds for the whole run.")] = None,
) -> None:
    """Run one task with one agent and print the answer as it comes."""
    with told():
        if not task.strip():
            raise InvalidRequest("The task is blank. Say what to do.")
        settings = Settings.load(log_level="WARNING", log_format="console")
        answer = asyncio.run(_run(settings, Request(agent_type=agent_type, task=task, timeout=timeout)))
    cost = answer.usage.cost / MICROS_PER_DOLLAR
    tokens = f"{answer.usage.input_tokens} + {answer.usage.output_tokens} tokens"
    sys.stderr.write(f"[{answer.agent_name} · {answer.model} · {tokens} · ${cost:.6f} · {answer.duration:.2f} s]\n")


async def _run(settings: Settings, request: Request) -> Answer:
    streamed = False
    async with crew(settings) as works:
        deadline = Deadline.after(settings.agent_timeout)
        async for event in works.execution.stream(request, _OPERATOR, deadline=deadline):
            if isinstance(event, Delta):
                streamed = True
                print(event.text, end="", flush=True)
            elif isinstance(event, Done):
                answer = event.answer
    print("" if streamed else _readable(answer))
    return answer


def _readable(answer: Answer) -> str:
    if isinstance(answer.result, str):
        return answer.result
    return orjson.dumps(answer.result, option=orjson.OPT_INDENT_2).decode()

"""OpenAI's chat wire by either client, as Agno uses it: without a guard, so that what differs shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agno.models.base import Model
from agno.models.message import Message
from agno.models.openai import OpenAIChat
from agno.models.response import ModelResponse

from bullpen.errors import BullpenError
from bullpen.llm.clients import ClientKind, Clients
from bullpen.llm.failures import classify
from bullpen.llm.keys import Key
from bullpen.llm.ports import ModelName
from bullpen.llm.responses import Answers

__all__ = ["KEY", "SIDES", "ask", "chat_model", "failure", "told"]

KEY = "openai-key-for-tests"
SIDES: tuple[ClientKind, ...] = ("sdk", "slim")
NAME = ModelName("openai", "stub")


@asynccontextmanager
async def chat_model(
    side: ClientKind, url: str, *, model: str = "stub", key: Key | None = None, connect_timeout: float = 5
) -> AsyncIterator[Model]:
    """Agno's model with that client, closed afterwards."""
    clients = Clients(chat=side, connect_timeout=connect_timeout)
    try:
        client: Any = clients.chat(key=key or Key(KEY), base_url=url)
        yield OpenAIChat(id=model, async_client=client, retries=0)
    finally:
        await clients.aclose()


async def ask(
    model: Model, *, stream: bool, said: list[ModelResponse] | None = None, answers: Answers | None = None
) -> list[ModelResponse]:
    """One call, hung up on afterwards as a guard does it: every piece Agno makes of the answer.

    `said` gets what came, also when the call fails; `answers` are the call's.
    """
    answers = answers or Answers()
    wanted: dict[str, Any] = {"messages": [Message(role="user", content="Hello?")]}
    wanted["assistant_message"] = Message(role="assistant")
    heard = said if said is not None else []
    try:
        with answers.collecting():
            if not stream:
                return [await model.ainvoke(**wanted)]
            async for piece in model.ainvoke_stream(**wanted):
                heard += [piece]
            return heard
    finally:
        await answers.aclose()


async def failure(model: Model, *, stream: bool, answers: Answers | None = None) -> BullpenError | None:
    """What a guard would make of the call's failure; None when it did not fail."""
    try:
        await ask(model, stream=stream, answers=answers)
    except Exception as error:  # noqa: BLE001  # as a guard does it
        return classify(error, NAME)
    return None


def told(piece: ModelResponse) -> dict[str, Any]:
    """Everything Agno took from an answer, or from a piece of one."""
    members = {name: value for name, value in vars(piece).items() if name != "created_at"}
    calls = [call if isinstance(call, dict) else call.model_dump() for call in piece.tool_calls or ()]
    return {**members, "tool_calls": calls}

"""A model that follows a script: what each turn says, calls, raises or waits for is written down by the test.

It enters by the front door, as a provider: `Models(providers={"scripted": lambda _: model}, …)`, or as a model instance
of one's own: `models.guard(model, …)`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, TypeAlias
from uuid import uuid4

from agno.metrics import MessageMetrics
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse

__all__ = [
    "INPUT_TOKENS",
    "OUTPUT_TOKENS",
    "Asked",
    "Broken",
    "Call",
    "Hang",
    "Reply",
    "Script",
    "ScriptedModel",
    "Turn",
    "calls",
    "last",
]

INPUT_TOKENS = 20
OUTPUT_TOKENS = 10


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of a turn; a turn may make several."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A turn in full. Without `usage` the provider does not tell its tokens."""

    text: str | None = None
    calls: Sequence[Call] = ()
    usage: bool = True


@dataclass(slots=True)
class Hang:
    """Says `before` (streaming only), waits until `release` is set, then says `after`; `started` tells it waits."""

    before: str = ""
    after: str = "late"
    started: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Streaming: says `before`, then raises `error`. Not streaming: raises it."""

    before: str
    error: Exception


Turn: TypeAlias = "str | Reply | Sequence[Call] | Exception | Hang | Broken | Script"

Script: TypeAlias = Callable[[Sequence[Message]], Any]
"""Sees the messages and returns a `Turn`, or something to wait for that does."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as the model saw it."""

    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]]
    response_format: Any
    stream: bool

    @property
    def last(self) -> str:
        """The text of the last message."""
        return self.messages[-1].get_content_string()


def calls(tool: str, **arguments: Any) -> list[Call]:
    """A turn that calls one tool."""
    return [Call(tool, arguments)]


@dataclass
class ScriptedModel(Model):
    """Plays its turns in order, one for each call; the last one repeats.

    A turn is a text, a `Reply`, a list of `Call`s, an exception to raise, a `Hang`, a `Broken` stream, or a `Script`
    that says which of these it is. Every call is kept in `asked`.
    """

    id: str = "scripted"
    name: str | None = "Scripted"
    provider: str | None = "Scripted"
    supports_native_structured_outputs: bool = True
    turns: Sequence[Turn] = ("done",)
    asked: list[Asked] = field(default_factory=list)

    async def ainvoke(
        self, *, messages: list[Message], tools: Any = None, response_format: Any = None, **_: Any
    ) -> ModelResponse:
        turn = await self._next(Asked(list(messages), tools or (), response_format, stream=False))
        if isinstance(turn, Broken):
            raise turn.error
        if isinstance(turn, Hang):
            await _hang(turn)
            turn = turn.before + turn.after
        return _response(_reply(turn))

    async def ainvoke_stream(
        self, *, messages: list[Message], tools: Any = None, response_format: Any = None, **_: Any
    ) -> AsyncIterator[ModelResponse]:
        turn = await self._next(Asked(list(messages), tools or (), response_format, stream=True))
        if isinstance(turn, Broken):
            for word in _words(turn.before):
                yield ModelResponse(role="assistant", content=word)
            raise turn.error
        if isinstance(turn, Hang):
            for word in _words(turn.before):
                yield ModelResponse(role="assistant", content=word)
            await _hang(turn)
            turn = turn.after
        reply = _reply(turn)
        for word in _words(reply.text or ""):
            yield ModelResponse(role="assistant", content=word)
        whole = _response(reply)
        whole.content = None
        yield whole

    def invoke(self, *_: Any, **__: Any) -> ModelResponse:
        raise AssertionError("a model was called synchronously")

    def invoke_stream(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a model was called synchronously")

    # Agno's base class asks for the next two; no provider ever answers here.

    def _parse_provider_response(self, response: Any, **_: Any) -> ModelResponse:
        raise NotImplementedError

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        raise NotImplementedError

    async def _next(self, asked: Asked) -> Any:
        turn: Any = self.turns[min(len(self.asked), len(self.turns) - 1)]
        self.asked.append(asked)
        while callable(turn) and not isinstance(turn, Exception):
            turn = turn(list(asked.messages))
            turn = await turn if isawaitable(turn) else turn
        if isinstance(turn, Exception):
            raise turn
        return turn


def last(messages: Sequence[Message]) -> str:
    """The newest message's text; as a script, an echo."""
    return str(messages[-1].content)


async def _hang(turn: Hang) -> None:
    turn.started.set()
    await turn.release.wait()


def _reply(turn: str | Reply | Sequence[Call]) -> Reply:
    if isinstance(turn, str):
        return Reply(text=turn)
    return turn if isinstance(turn, Reply) else Reply(calls=turn)


def _words(text: str) -> list[str]:
    return [f"{word} " for word in text.split(" ")[:-1]] + text.split(" ")[-1:] if text else []


def _response(reply: Reply) -> ModelResponse:
    response = ModelResponse(role="assistant", content=reply.text, tool_calls=[_call(call) for call in reply.calls])
    if reply.usage:
        response.response_usage = MessageMetrics(
            input_tokens=INPUT_TOKENS, output_tokens=OUTPUT_TOKENS, total_tokens=INPUT_TOKENS + OUTPUT_TOKENS
        )
    return response


def _call(call: Call) -> dict[str, Any]:
    function = {"name": call.tool, "arguments": json.dumps(dict(call.arguments))}
    return {"id": f"call_{uuid4().hex}", "type": "function", "function": function}

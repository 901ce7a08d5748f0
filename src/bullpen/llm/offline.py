"""The model that needs nothing: no key, no network, no thought. It answers at once and says what it is."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from uuid import uuid4

from agno.metrics import MessageMetrics
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from pydantic import BaseModel

from bullpen.llm.formats import json_schema
from bullpen.llm.instance import fitting
from bullpen.llm.tokens import estimate
from bullpen.llm.wishes import Wish, sum_in, wish

__all__ = ["SIGN", "OfflineModel"]

SIGN: Final = "[offline model]"

_REMEDY: Final = "No language model was asked: set OPENAI_API_KEY or ANTHROPIC_API_KEY for real answers."
_ECHO_CHARACTERS: Final = 300


@dataclass
class OfflineModel(Model):
    """Calls the tool a task asks for in so many words, fills in a schema, or says back what it was asked.

    It claims native structured outputs: only then does Agno hand it the schema, both as a class and as a dict.
    """

    id: str = "offline"
    name: str | None = "Offline"
    provider: str | None = "Offline"
    supports_native_structured_outputs: bool = True

    async def ainvoke(
        self, *, messages: list[Message], response_format: Any = None, tools: Any = None, **_: Any
    ) -> ModelResponse:
        """The whole answer."""
        return _answer(messages, response_format, tools or ())

    async def ainvoke_stream(
        self, *, messages: list[Message], response_format: Any = None, tools: Any = None, **_: Any
    ) -> AsyncIterator[ModelResponse]:
        """The same answer word by word, and what it used at the end."""
        answer = _answer(messages, response_format, tools or ())
        for word in re.findall(r"\s*\S+\s*", answer.content or ""):
            yield ModelResponse(role="assistant", content=word)
        yield ModelResponse(role="assistant", tool_calls=answer.tool_calls, response_usage=answer.response_usage)

    def invoke(self, *_: Any, **__: Any) -> NoReturn:
        """Never: models are called asynchronously."""
        raise NotImplementedError

    def invoke_stream(self, *_: Any, **__: Any) -> NoReturn:
        """Never, for the same reason."""
        raise NotImplementedError

    # Agno's base class asks for the next two; no provider ever answers here.

    def _parse_provider_response(self, response: Any, **_: Any) -> NoReturn:
        raise NotImplementedError

    def _parse_provider_response_delta(self, response: Any) -> NoReturn:
        raise NotImplementedError


def _answer(messages: Sequence[Message], response_format: Any, tools: Sequence[Mapping[str, Any]]) -> ModelResponse:
    results = _results(messages)
    wished = None if results else wish(_task(messages), tools)
    if wished is not None:
        return _respond(messages, calls=[_call(wished)])
    if response_format is not None:
        return _respond(messages, text=_filled(response_format))
    if results:
        return _respond(messages, text=f"{SIGN} " + " ".join(_reported(result, messages) for result in results))
    return _respond(messages, text=f"{SIGN} You asked: {_short(_task(messages))} ({_REMEDY})")


def _results(messages: Sequence[Message]) -> list[Message]:
    """What the tools called last have answered."""
    results: list[Message] = []
    for message in reversed(messages):
        if message.role != "tool":
            break
        results.insert(0, message)
    return results


def _task(messages: Sequence[Message]) -> str:
    for message in reversed(messages):
        if message.role == "user":
            return message.get_content_string()
    return ""


def _call(wished: Wish) -> dict[str, Any]:
    function = {"name": wished.tool, "arguments": wished.arguments}
    return {"id": f"call_{uuid4().hex}", "type": "function", "function": function}


def _filled(response_format: Any) -> str:
    if isinstance(response_format, type) and issubclass(response_format, BaseModel):
        return json.dumps(fitting(response_format.model_json_schema()))
    schema = json_schema(response_format)
    return json.dumps({} if schema is None else fitting(schema))


def _reported(result: Message, messages: Sequence[Message]) -> str:
    text = result.get_content_string()
    try:
        value = json.loads(text)["result"]
    except (ValueError, TypeError, LookupError):
        return f"The tool {result.tool_name} answered: {_short(text)}."
    told = sum_in(_task(messages)) if isinstance(value, int | float) else None
    if told is not None and told.operation == result.tool_name:
        return f"{told.text} = {_plain(value)} (by the tool {result.tool_name})"
    return f"The tool {result.tool_name} answered {_plain(value)}."


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= _ECHO_CHARACTERS else f"{text[:_ECHO_CHARACTERS]}…"


def _respond(
    messages: Sequence[Message], *, text: str | None = None, calls: Sequence[dict[str, Any]] = ()
) -> ModelResponse:
    response = ModelResponse(role="assistant", content=text, tool_calls=list(calls))
    spoken = Message(role="assistant", content=text, tool_calls=list(calls) or None)
    sent, received = estimate(messages), estimate([spoken])
    response.response_usage = MessageMetrics(
        input_tokens=sent, output_tokens=received, total_tokens=sent + received, cost=0
    )
    return response

"""Anthropic's `POST /v1/messages`, both ways."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.stubs.behaviour import INPUT_TOKENS, OUTPUT_TOKENS, SECRET, Ask, Reply

__all__ = ["answer", "failure", "failure_event", "read", "stream"]

_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def read(body: Mapping[str, Any]) -> Ask:
    messages = body["messages"]
    system = [("system", _text(body["system"]))] if body.get("system") else []
    wanted = (body.get("output_config") or {}).get("format") or {}
    return Ask(
        model=body["model"],
        messages=[*system, *((message["role"], _text(message["content"])) for message in messages)],
        tools=[(tool["name"], tool.get("input_schema", {})) for tool in body.get("tools") or ()],
        schema=wanted.get("schema"),
        stream=bool(body.get("stream")),
        tool_result=_tool_result(messages[-1]["content"]),
    )


def answer(ask: Ask, reply: Reply) -> bytes:
    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
    return json.dumps(_message(ask) | {"content": _blocks(reply), "stop_reason": _stop(reply), "usage": usage}).encode()


def stream(ask: Ask, reply: Reply) -> list[bytes]:
    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": 1}
    return [
        _event("message_start", message=_message(ask) | {"content": [], "stop_reason": None, "usage": usage}),
        *(piece for index, block in enumerate(_blocks(reply)) for piece in _block_events(index, block, reply)),
        _event(
            "message_delta",
            delta={"stop_reason": _stop(reply), "stop_sequence": None},
            usage={"output_tokens": OUTPUT_TOKENS},
        ),
        _event("message_stop"),
    ]


def failure(status: int) -> bytes:
    return json.dumps(_failure(status)).encode()


def failure_event() -> bytes:
    return _event(**_failure(529))


def _failure(status: int) -> dict[str, Any]:
    kind = _KINDS.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": f"The stub provider says {status}. {SECRET}"}}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _tool_result(content: Any) -> str | None:
    if isinstance(content, str):
        return None
    results = [part for part in content if part.get("type") == "tool_result"]
    return _text(results[-1].get("content", "")) if results else None


def _message(ask: Ask) -> dict[str, Any]:
    return {"id": "msg_stub", "type": "message", "role": "assistant", "model": ask.model, "stop_sequence": None}


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    if reply.tool:
        return [{"type": "tool_use", "id": "toolu_stub", "name": reply.tool, "input": json.loads(reply.arguments)}]
    return [{"type": "text", "text": reply.text}] if reply.text else []


def _block_events(index: int, block: Mapping[str, Any], reply: Reply) -> Iterator[bytes]:
    empty: dict[str, Any] = {"input": {}} if reply.tool else {"text": ""}
    yield _event("content_block_start", index=index, content_block={**block, **empty})
    if reply.tool:
        delta = {"type": "input_json_delta", "partial_json": reply.arguments}
        yield _event("content_block_delta", index=index, delta=delta)
    for word in reply.words:
        yield _event("content_block_delta", index=index, delta={"type": "text_delta", "text": word})
    yield _event("content_block_stop", index=index)


def _stop(reply: Reply) -> str:
    return "tool_use" if reply.tool else "end_turn"


def _event(type: str, **members: Any) -> bytes:  # noqa: A002  # the wire's own name for it
    return f"event: {type}\ndata: {json.dumps({'type': type, **members})}\n\n".encode()
